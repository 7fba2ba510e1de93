"""What is added by setting is found where it is, and missed in words that say what is missing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.kernel.extensions import registered_modules


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `acme_added.postcard` that brings a module to catalog and to no other service."""
    package = tmp_path / "acme_added" / "postcard"
    package.mkdir(parents=True)
    (package / "catalog.py").write_text("SOLD = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] == "acme_added"]:
        del sys.modules[name]


def test_a_package_is_asked_for_the_module_of_the_service(acme: Path) -> None:
    assert registered_modules("acme_added.postcard", "catalog", "product_types")["acme_added.postcard"].SOLD
    assert registered_modules("acme_added.postcard", "support", "product_types") == {}


def test_a_plain_name_is_built_in_and_left_out_where_it_has_no_module() -> None:
    assert set(registered_modules("vps, hosting,", "catalog", "product_types")) <= {"vps", "hosting"}
    assert registered_modules("no_such_type", "catalog", "product_types") == {}
    assert registered_modules("vps", "support", "product_types") == {}


@pytest.mark.parametrize(
    "name", ["acme_added.letter", "nobody.postcard", "nobody.at.all", ".postcard", "shared.kernel.ids.x"]
)
def test_a_package_that_cannot_be_found_is_refused_by_name(acme: Path, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        registered_modules(name, "catalog", "product_types")


def test_a_package_that_fails_to_load_says_why_itself(acme: Path) -> None:
    (acme / "__init__.py").write_text("import no_such_dependency\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        registered_modules("acme_added.postcard", "catalog", "product_types")
