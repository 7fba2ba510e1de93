"""What is provisioned automatically, one module per product type. A type without one is delivered by hand.

base     what a type tells
vps      virtual machines
"""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from services.provisioning.domain import JobPlan
from services.provisioning.product_types.base import ProductType
from shared.kernel.extensions import registered_modules


class ProductTypes:
    """The types this process knows, by name."""

    def __init__(self, types: Mapping[str, ProductType], connectors: Mapping[str, Any] | None = None) -> None:
        self._types = dict(types)
        self.connectors: Mapping[str, Any] = dict(connectors or {})

    def __iter__(self) -> Iterator[ProductType]:
        return iter(self._types.values())

    def get(self, name: str) -> ProductType | None:
        """The type of this name; None when it is delivered by hand."""
        return self._types.get(name)

    def plan(self, product_type: str, intent: str) -> JobPlan | None:
        """How a type carries out an intent; None when it cannot."""
        found = self._types.get(product_type)
        return found.plan(intent) if found is not None else None


def load_types(names: str) -> ProductTypes:
    """The registered types (`EZ_PRODUCT_TYPES`) that have a module here, and the kinds of connectors they bring."""
    modules = registered_modules(names, "provisioning", "product_types")
    types = {module.TYPE.name: module.TYPE for module in modules.values()}
    return ProductTypes(types, _connectors(modules))


def _connectors(modules: Mapping[str, ModuleType]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in modules.values():
        found |= getattr(module, "CONNECTORS", {})
    return found
