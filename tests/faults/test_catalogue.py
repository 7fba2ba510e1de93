"""Every row of the catalogue has a test, every claim has a row, and the page says so."""

from pathlib import Path

import pytest

from tests.faults.catalogue import PAGE, Claim, ClaimUnreadable, claims, main, page, unknown, unproved
from tests.faults.rows import BUGS, FAULTS

_SOURCE = """
import pytest

pytestmark = [pytest.mark.timeout(9), pytest.mark.fault(1)]


@pytest.mark.fault(2)
async def test_one():
    ...


@pytest.mark.bug("somebody #7")
class TestMore:
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.fault(999))])
    def test_two(self, x):
        ...


def not_a_test():
    ...
"""


def test_every_row_and_every_bug_has_a_test() -> None:
    assert unproved(claims()) == []


def test_no_test_claims_a_row_that_is_not_in_the_catalogue() -> None:
    assert unknown(claims()) == []


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(claims())
    assert main(["--check"]) == 0


def test_numbers_and_reports_are_given_once() -> None:
    numbers = [fault.number for fault in FAULTS]
    assert numbers == sorted(set(numbers))
    assert len({bug.report for bug in BUGS}) == len(BUGS)


def _written(directory: Path, source: str) -> list[Claim]:
    (directory / "tests").mkdir()
    (directory / "tests" / "test_sample.py").write_text(source)
    return claims(directory / "tests")


def test_claims_are_read_from_modules_classes_functions_and_parameters(tmp_path: Path) -> None:
    found = _written(tmp_path, _SOURCE)
    where = "tests/test_sample.py"
    assert found == [
        Claim(where, "test_one", 1),
        Claim(where, "test_one", 2),
        Claim(where, "test_two", 1),
        Claim(where, "test_two", "somebody #7"),
        Claim(where, "test_two", 999),
    ]
    assert [claim.row for claim in unknown(found)] == ["somebody #7", 999]
    assert unproved(found) == [row.number for row in FAULTS if row.number > 2] + [bug.report for bug in BUGS]


def test_a_claim_that_is_not_written_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClaimUnreadable, match="write the row out"):
        _written(tmp_path, "import pytest\n\nROW = 3\n\n\n@pytest.mark.fault(ROW)\ndef test_x(): ...\n")
