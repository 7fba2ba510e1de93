"""What can be sold, one module per product type; a module's `TYPE` defines it.

Which are loaded says the setting EZ_PRODUCT_TYPES. A type that is not loaded is not offered; what was sold of it stays
readable, because an order keeps its own words and names.
"""

from collections.abc import Mapping

from services.catalog.product_types.base import ProductType
from shared.kernel.extensions import registered_modules

ProductTypes = Mapping[str, ProductType]


def load_types(names: str) -> ProductTypes:
    """The types for the comma-separated `names`, by code, in that order.

    Raises ValueError for a name nothing stands behind, a module without a TYPE, and a code that is defined twice.
    """
    modules = registered_modules(names, "catalog", "product_types")
    wanted = [name for name in (part.strip() for part in names.split(",")) if name]
    if missing := [name for name in wanted if name not in modules]:
        raise ValueError(f"there is no product type {', '.join(missing)}")
    types: dict[str, ProductType] = {}
    for name, module in modules.items():
        found = getattr(module, "TYPE", None)
        if not isinstance(found, ProductType):
            raise ValueError(f"{module.__name__} defines no TYPE (for {name})")  # noqa: TRY004 - it is the setting's fault
        if found.code in types:
            raise ValueError(f"two product types are called {found.code}")
        types[found.code] = found
    return types
