"""Which tests prove which row: read from the tests' source, written to docs/generated/faults.md.

python -m tests.faults.catalogue --write
python -m tests.faults.catalogue --check
"""

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.rows import BUGS, FAULTS, INTAKE, MESSAGING, Fault

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "generated" / "faults.md"
_MARKERS = ("fault", "bug")
_HEAD = (
    "<!-- Written by `python -m tests.faults.catalogue --write` from the tests. Do not edit. -->\n\n"
    "# Faults\n\nWhat is done to the system on purpose, what must hold all the same, and the tests that do it.\n"
)


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """A test that says it proves a row (a number) or a bug (its report). `path` is relative to the repository."""

    path: str
    test: str
    row: int | str


class ClaimUnreadable(Exception):
    """A marker whose row is computed: the source alone does not say which one it claims."""


def claims(tests: Path = ROOT / "tests") -> list[Claim]:
    """Every claim below this directory. Raises ClaimUnreadable."""
    found = []
    for path in sorted(tests.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if any(f"mark.{marker}" in source for marker in _MARKERS):
            where = path.relative_to(tests.parent).as_posix()
            found += [Claim(where, test, row) for test, row in _in_module(ast.parse(source), where)]
    return found


def _in_module(module: ast.Module, where: str) -> Iterator[tuple[str, int | str]]:
    everywhere = [row for node in module.body if _is_pytestmark(node) for row in _rows(node, where)]
    for node in module.body:
        yield from _in_definition(node, everywhere, where)


def _in_definition(node: ast.stmt, inherited: list[int | str], where: str) -> Iterator[tuple[str, int | str]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
        own = [row for decorator in node.decorator_list for row in _rows(decorator, where)]
        for row in dict.fromkeys([*inherited, *own]):
            yield node.name, row
    elif isinstance(node, ast.ClassDef):
        shared = [row for decorator in node.decorator_list for row in _rows(decorator, where)]
        for inner in node.body:
            yield from _in_definition(inner, [*inherited, *shared], where)


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
    )


def _rows(node: ast.AST, where: str) -> Iterator[int | str]:
    """The rows named by the markers anywhere in this decorator (a parameter set may carry one too)."""
    for call in ast.walk(node):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _MARKERS):
            continue
        wanted = int if call.func.attr == "fault" else str
        for argument in call.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, wanted)):
                raise ClaimUnreadable(f"{where}:{call.lineno}: write the row out: pytest.mark.{call.func.attr}(…)")
            yield argument.value


def unknown(found: Iterable[Claim]) -> list[Claim]:
    """Claims of rows that are not in the catalogue."""
    rows: set[int | str] = {fault.number for fault in FAULTS} | {bug.report for bug in BUGS}
    return [claim for claim in found if claim.row not in rows]


def unproved(found: Iterable[Claim]) -> list[int | str]:
    """Rows and bugs without a test."""
    claimed = {claim.row for claim in found}
    rows: list[int | str] = [fault.number for fault in FAULTS]
    return [row for row in (*rows, *(bug.report for bug in BUGS)) if row not in claimed]


def page(found: list[Claim]) -> str:
    """The catalogue as Markdown."""
    proofs: dict[int | str, list[Claim]] = {}
    for claim in sorted(found, key=lambda claim: (claim.path, claim.test)):
        proofs.setdefault(claim.row, []).append(claim)
    parts = [_HEAD]
    for title, faults in (("Webhook intake", INTAKE), ("Messages, database, hypervisor", MESSAGING)):
        parts.append(f"\n## {title}\n\n| # | done to the system | must hold | tests |\n|---|---|---|---|\n")
        parts += [_line(fault, proofs.get(fault.number, [])) for fault in faults]
    parts.append("\n## Bugs that others shipped\n\n| report | what happened there | must hold here | tests |\n")
    parts.append("|---|---|---|---|\n")
    parts += [
        f"| {bug.report} | {bug.happened} | {bug.holds} | {_links(proofs.get(bug.report, []))} |\n" for bug in BUGS
    ]
    return "".join(parts)


def _line(fault: Fault, tests: list[Claim]) -> str:
    return f"| {fault.number} | {fault.injected} | {fault.holds} | {_links(tests)} |\n"


def _links(tests: list[Claim]) -> str:
    return "<br>".join(f"[{_words(claim.test)}](../../{claim.path})" for claim in tests) or "–"


def _words(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")


def main(arguments: list[str] | None = None) -> int:
    """Writes the page, or says that it is out of date (exit code 1)."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.catalogue", description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--write", action="store_true", help="write docs/generated/faults.md")
    chosen.add_argument("--check", action="store_true", help="only say whether it is up to date")
    wanted = page(claims())
    if parser.parse_args(arguments).write:
        PAGE.write_text(wanted, encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
        print(f"{PAGE.relative_to(ROOT)} is out of date: run `python -m tests.faults.catalogue --write`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
