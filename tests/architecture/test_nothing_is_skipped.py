"""No test decides while it runs that it would rather not: what a machine lacks is told by a marker, and seen."""

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import optional

ROOT = Path(__file__).parents[2]
REFUSED = ("skip", "skipif", "importorskip", "skipTest", "SkipTest", "skipIf", "skipUnless")


def skips(tree: ast.Module) -> list[int]:
    """The lines that name a way to skip: as `pytest.skip`, `pytest.mark.skipif`, imported by name or called so."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            # `mark.skip` and `pytest.skip`, but not the `skip` of anything else.
            owner = ast.unparse(node.value)
            of_tests = owner.rpartition(".")[2] in ("pytest", "mark", "unittest", "self")
            lines += [node.lineno] if node.attr in REFUSED and of_tests else []
        elif isinstance(node, ast.ImportFrom) and node.module in ("pytest", "unittest"):
            lines += [node.lineno for alias in node.names if alias.name in REFUSED]
    return sorted(lines)


def test_no_test_skips_itself() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for folder in ("tests", "bench")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := skips(ast.parse(path.read_text())))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "def test() -> None:\n    pytest.skip('no browser')",
        "import os\n@pytest.mark.skipif(True, reason='no browser')\ndef test(): ...",
        "import pytest\nbrowser = pytest.importorskip('playwright')",
        "import os\nfrom pytest import skip",
        "import os\npytestmark = [mark.skip]",
        "class Test(TestCase):\n    def test(self): self.skipTest('no')",
    ],
)
def test_every_way_to_skip_is_noticed(source: str) -> None:
    assert skips(ast.parse(source)) == [2]


def test_what_only_sounds_like_skipping_is_not() -> None:
    assert skips(ast.parse("reader.skip(4)\nskip = page.skip\nneeds = pytest.mark.needs('kubectl')")) == []


def _item(*marks: pytest.Mark, fixtures: tuple[str, ...] = ()) -> Any:
    """As much of a collected test as counts here."""

    def named(name: str) -> list[pytest.Mark]:
        return [mark for mark in marks if mark.name == name]

    def closest(name: str) -> pytest.Mark | None:
        return next(iter(named(name)), None)

    return SimpleNamespace(
        nodeid="a test", fixturenames=fixtures, iter_markers=named, get_closest_marker=closest, marks=marks
    )


class _Hook:
    """Hears which tests were deselected."""

    def __init__(self) -> None:
        self.left: list[Any] = []

    def pytest_deselected(self, items: list[Any]) -> None:
        self.left += items


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has nothing, and runs nobody's CI."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(optional, "missing", lambda _tool: True)


KUBECTL = _item(pytest.mark.needs("kubectl").mark)
BROWSER = _item(fixtures=("browser",))
AS_ROOT = _item(pytest.mark.needs("root").mark)
DISTRIBUTED = _item(pytest.mark.distributed.mark)
PLAIN = _item(fixtures=("tmp_path",))


def _left() -> tuple[list[Any], list[Any]]:
    hook, items = _Hook(), [KUBECTL, BROWSER, AS_ROOT, DISTRIBUTED, PLAIN]
    config: Any = SimpleNamespace(hook=hook)
    optional.pytest_collection_modifyitems(config, items)
    return hook.left, items


@pytest.mark.usefixtures("bare")
def test_what_a_machine_lacks_deselects_its_tests_and_is_said() -> None:
    assert _left() == ([KUBECTL, BROWSER, AS_ROOT, DISTRIBUTED], [PLAIN])
    said = "\n".join(optional.pytest_report_header())
    assert "tests that need chromium are deselected: /usr/bin/chromium is not installed" in said
    assert all(tool in said for tool in optional.TOOLS)


@pytest.mark.usefixtures("bare")
def test_in_ci_they_fail_and_only_what_root_alone_can_do_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert _left() == ([AS_ROOT], [KUBECTL, BROWSER, DISTRIBUTED, PLAIN])
    for item in (KUBECTL, BROWSER, DISTRIBUTED):
        with pytest.raises(pytest.fail.Exception, match="is not installed"):
            optional.pytest_runtest_setup(item)
    optional.pytest_runtest_setup(PLAIN)


def test_a_tool_nobody_can_look_for_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match="needs hammer"):
        optional.lacking(_item(pytest.mark.needs("hammer").mark))
