"""Every module of the bench can be loaded: what it takes from the services may have been renamed since it last ran."""

import importlib
import pkgutil

import pytest

import bench

MODULES = [
    module.name
    for module in pkgutil.walk_packages(bench.__path__, "bench.")
    if not module.name.startswith(("bench.peers.", "bench.__main__"))
]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_of_the_bench_loads(name: str) -> None:
    importlib.import_module(name)
