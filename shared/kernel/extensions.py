"""Modules that are registered by setting: what is added to the product without a change of it."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def registered_modules(names: str, service: str, room: str) -> dict[str, ModuleType]:
    """The modules of `service` for the comma-separated `names`, by name; a name without a module there is left out.

    A plain name (`vps`) is built in: `services.<service>.<room>.vps`. A dotted one is a package that brings a module
    per service: `acme.parking` has `acme.parking.catalog`. Raises ValueError for a package that cannot be found.
    """
    found: dict[str, ModuleType] = {}
    for name in (part.strip() for part in names.split(",")):
        if not name:
            continue
        if "." in name and not _exists(name):
            raise ValueError(f"there is no package {name}")
        path = f"{name}.{service}" if "." in name else f"services.{service}.{room}.{name}"
        if _exists(path):
            found[name] = import_module(path)
    return found


def _exists(path: str) -> bool:
    """Whether there is such a module. Raises ImportError when a package above it cannot be imported."""
    if not all(path.split(".")):
        return False
    try:
        return find_spec(path) is not None
    except ModuleNotFoundError as error:
        # A package above it is missing: `find_spec` returns None for the last part of a path only.
        if f"{path}.".startswith(f"{error.name}."):
            return False
        raise
