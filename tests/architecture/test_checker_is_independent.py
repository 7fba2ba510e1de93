"""The checker shares no code with what it checks."""

import ast
from pathlib import Path

CHECKER = Path(__file__).parents[1] / "chaos" / "checker"
PRODUCT = {"services", "shared", "gateway", "ez", "sandbox"}


def imported(source: str) -> set[str]:
    """Every module a source imports, wherever in it, also by name at run time."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if called in ("__import__", "import_module"):
                found.add("at run time")
    return found


def strangers(source: str) -> set[str]:
    """What the checker may not import: the product, other tests, whatever is named only at run time."""
    return {
        module
        for module in imported(source)
        if module.split(".")[0] in PRODUCT
        or module == "at run time"
        or module.startswith(".")
        or (module.startswith("tests") and not module.startswith("tests.chaos.checker"))
    }


def test_the_checker_imports_nothing_of_the_product() -> None:
    sources = sorted(CHECKER.rglob("*.py"))
    assert len(sources) > 5
    assert {path.name: found for path in sources if (found := strangers(path.read_text()))} == {}


def test_an_import_of_the_product_is_found_wherever_it_hides() -> None:
    hidden = "def look():\n    from shared.kernel import ids\n"
    assert strangers(hidden) == {"shared.kernel"}
    assert strangers("import importlib\nimportlib.import_module('services.billing')") == {"at run time"}
    assert strangers("from tests.support import market\nimport httpx") == {"tests.support"}
    assert strangers("from tests.chaos.checker.ids import typeid") == set()
