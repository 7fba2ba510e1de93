"""The shape of the house: the same rooms everywhere, nothing too long, no row that belongs to nobody."""

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.contracts import EVENTS, SUBSCRIPTIONS, context_of, topology

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "billing", "catalog", "provisioning", "support")
ROOMS = ("main", "settings", "api", "consumers", "jobs", "use_cases", "queries", "domain", "adapters", "migrations")
# What is sold is one module per product type, in the services that have something to say about it.
SOME_HAVE = ("product_types",)
SHIPPED = ("ez", "services", "gateway", "shared", "sandbox")
LONGEST_FILE = 300
# What people write: code, pages, prose and settings; without an ending, scripts and files like Dockerfile.
KINDS = ("", ".css", ".html", ".js", ".lua", ".md", ".mjs", ".py", ".scss", ".sh", ".toml", ".yaml", ".yml")
# What programs write or others wrote, and migrations: one is a single change, however much it changes.
NOT_WRITTEN = ("__pycache__", "dist", "generated", "node_modules", "versions")
RECORDS = ("CHANGELOG.md", "bench/RESULTS.md")
WRITTEN = (*SHIPPED, "bench", "deploy", "tests")
REFUSED_NAMES = ("utils", "helpers", "common", "misc")


def _files() -> list[Path]:
    return [
        path
        for package in SHIPPED
        for path in (ROOT / package).rglob("*.py")
        if "versions" not in path.parts and "node_modules" not in path.parts
    ]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("room", ROOMS)
def test_every_service_has_every_room(service: str, room: str) -> None:
    home = ROOT / "services" / service
    assert (home / f"{room}.py").exists() or (home / room).is_dir()


def test_no_service_has_a_room_of_its_own_invention() -> None:
    known = {*ROOMS, *SOME_HAVE, "__init__", "__pycache__"}
    for service in SERVICES:
        found = {path.stem for path in (ROOT / "services" / service).iterdir()}
        assert found <= known, f"{service}: {found - known}"


@functools.cache
def _written() -> dict[str, ast.Module]:
    """Every Python file by its path, parsed; migrations aside."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for package in WRITTEN
        for path in (ROOT / package).rglob("*.py")
        if "versions" not in path.parts and "node_modules" not in path.parts
    }


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports_inside_functions(tree: ast.Module) -> list[int]:
    """The lines of imports that run when a function is called and not when the module is loaded."""
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    ]
    return sorted(
        {node.lineno for one in functions for node in ast.walk(one) if isinstance(node, ast.Import | ast.ImportFrom)}
    )


def imported_by(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Module → those of ours it imports anywhere in it, for type checkers alone included."""
    known = {_module(path) for path in trees}
    edges: dict[str, set[str]] = {}
    for path, tree in trees.items():
        named: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                below = {f"{node.module}.{alias.name}" for alias in node.names}
                # `from package import module` needs the module; anything else of it needs the package.
                named |= {name if name in known else node.module for name in below}
        edges[_module(path)] = (named & known) - {_module(path)}
    return edges


def circles(edges: dict[str, set[str]]) -> set[str]:
    """The modules that can be reached from themselves, or lie between two such."""
    left = {name: set(targets) for name, targets in edges.items()}
    while True:
        aimed_at = {target for targets in left.values() for target in targets}
        free = {name for name, targets in left.items() if not targets or name not in aimed_at}
        if not free:
            return set(left)
        left = {name: targets - free for name, targets in left.items() if name not in free}


def _text_files(root: Path) -> Iterator[Path]:
    """Every file that people write; what has a name with a dot in front belongs to a tool, except .ci."""
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name not in NOT_WRITTEN and (name[0] != "." or name == ".ci")]
        yield from (Path(folder) / name for name in names if Path(name).suffix in KINDS and name[0] != ".")


def too_long(root: Path) -> dict[str, int]:
    """The files that nobody reads to their end, with their lines."""
    lines = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in _text_files(root)}
    return {path: count for path, count in lines.items() if count > LONGEST_FILE and path not in RECORDS}


def test_files_stay_readable() -> None:
    assert too_long(ROOT) == {}


def test_a_long_file_is_noticed_whatever_people_wrote_in_it(tmp_path: Path) -> None:
    for name in ("a.py", "b.yml", "pages/c.html", "Makefile", ".ci/run", "d.lock", "versions/0001.py", ".venv/e.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("line\n" * (LONGEST_FILE + 1))
    (tmp_path / "short.py").write_text("line\n" * LONGEST_FILE)
    assert set(too_long(tmp_path)) == {"a.py", "b.yml", "pages/c.html", "Makefile", ".ci/run"}


def test_no_function_imports() -> None:
    inside = {path: lines for path, tree in _written().items() if (lines := imports_inside_functions(tree))}
    assert {path: lines for path, lines in inside.items() if not path.startswith("tests/")} == {}


def test_an_import_inside_a_function_is_noticed() -> None:
    assert imports_inside_functions(ast.parse("import os\n\ndef f():\n    import json\n")) == [4]
    assert imports_inside_functions(ast.parse("if True:\n    import os\n")) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(imported_by(_written())) == set()


def test_a_circle_is_noticed_however_long_and_however_hidden() -> None:
    hidden = {
        "a.py": ast.parse("import b\nimport d"),
        "b.py": ast.parse("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from c import thing"),
        "c.py": ast.parse("def f():\n    import a"),
        "d.py": ast.parse("import os"),
        "e.py": ast.parse("import a"),
    }
    assert circles(imported_by(hidden)) == {"a", "b", "c"}


def test_no_file_is_called_utils() -> None:
    assert not [path for path in _files() if path.stem in REFUSED_NAMES]


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path in _files() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def test_every_fact_has_somebody_who_listens() -> None:
    heard = {wire_type for types in topology().values() for wire_type in types}
    assert set(EVENTS) == heard


def test_every_fact_is_named_after_its_publisher() -> None:
    for wire_type, event in EVENTS.items():
        assert event.__module__ == f"shared.contracts.{context_of(wire_type)}"
        assert wire_type.count(".") == 3
        assert event.subject_field in event.model_fields


def test_no_fact_carries_a_secret() -> None:
    forbidden = ("password", "token", "secret", "card", "link")
    for event in EVENTS.values():
        assert not [name for name in event.model_fields if any(word in name for word in forbidden)], event.__name__


def test_no_context_listens_to_itself() -> None:
    for consumer, events in SUBSCRIPTIONS.items():
        assert not [event for event in events if context_of(event.wire_type) == consumer]
