"""I6, I8: promises about things that do not exist yet.

The day they exist, their lines turn red until somebody writes the check.
"""

from collections.abc import Callable

from tests.chaos.checker.evidence import Evidence
from tests.chaos.checker.findings import Line

_CREDIT_WORDS = ("credit", "wallet", "prepaid", "balance")
_SUSPENSION_WORDS = ("suspend", "suspension")


def i6_credit(evidence: Evidence) -> Line:
    """Looks for tables and columns that hold a customer's credit."""
    line = Line("I6", "credit is never negative and is the sum of its entries")
    found = _named(evidence, _CREDIT_WORDS)
    line.breaks("credit exists and nothing here checks it", found)
    line.counted = "not checked"
    if not found:
        line.not_applicable = "no schema has a table or column for credit"
    return line


def i8_suspension(evidence: Evidence) -> Line:
    """Looks for columns that speak of suspension, and for services that are or were suspended."""
    line = Line("I8", "a suspended service cannot be started by its customer")
    found = _named(evidence, _SUSPENSION_WORDS)
    found += [row["id"] for row in evidence.resources.values() if row["status"] == "suspended"]
    found += [row["resource_id"] for row in evidence.resource_history if row["verb"] == "suspend"]
    found += [row["id"] for row in evidence.entitlements.values() if row["status"] == "suspended"]
    line.breaks("suspension exists and nothing here checks it", sorted(set(found)))
    line.counted = "not checked"
    if not found:
        line.not_applicable = "nothing is or was ever suspended, and no column speaks of it"
    return line


def _named(evidence: Evidence, words: tuple[str, ...]) -> list[str]:
    speaks: Callable[[str], bool] = lambda name: any(word in name for word in words)  # noqa: E731
    tables = {f"{schema}.{table}" for schema, table, _ in evidence.columns if speaks(table)}
    columns = {f"{schema}.{table}.{column}" for schema, table, column in evidence.columns if speaks(column)}
    return sorted(tables | columns)
