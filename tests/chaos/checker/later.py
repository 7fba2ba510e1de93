"""I8: a promise about something that does not exist yet.

The day it exists, its line turns red until somebody writes the check.
"""

from collections.abc import Callable

from tests.chaos.checker.evidence import Evidence
from tests.chaos.checker.findings import Line

_SUSPENSION_WORDS = ("suspend", "suspension")


def i8_suspension(evidence: Evidence) -> Line:
    """Looks for columns that speak of suspension, and for services that are or were suspended."""
    line = Line("I8", "a suspended service cannot be started by its customer")
    found = named(evidence, _SUSPENSION_WORDS)
    found += [row["id"] for row in evidence.resources.values() if row["status"] == "suspended"]
    found += [row["resource_id"] for row in evidence.resource_history if row["verb"] == "suspend"]
    found += [row["id"] for row in evidence.entitlements.values() if row["status"] == "suspended"]
    line.breaks("suspension exists and nothing here checks it", sorted(set(found)))
    line.counted = "not checked"
    if not found:
        line.not_applicable = "nothing is or was ever suspended, and no column speaks of it"
    return line


def named(evidence: Evidence, words: tuple[str, ...]) -> list[str]:
    """The tables and columns whose names hold one of the words."""
    speaks: Callable[[str], bool] = lambda name: any(word in name for word in words)  # noqa: E731
    tables = {f"{schema}.{table}" for schema, table, _ in evidence.columns if speaks(table)}
    columns = {f"{schema}.{table}.{column}" for schema, table, column in evidence.columns if speaks(column)}
    return sorted(tables | columns)
