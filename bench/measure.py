"""One line of the result: what was measured, against what, and whether the goal is met."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """A ratio out of one run.

    id: P1, or P1.cpu for a further goal of the same work. work, against: in words, for the table.
    ours, peer: medians over the rounds, both in `unit`; `ratio` is what the goal is about (times faster, share of a
    limit, …). goal: the ratio to reach; with `at_most` the ratio not to exceed. detail: what is behind it, for
    results.json and the details in RESULTS.md. note: where the time goes, above all when the goal is not met.
    """

    id: str
    work: str
    against: str
    unit: str
    ours: float
    peer: float
    ratio: float
    goal: float
    met: bool
    detail: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    at_most: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values; figures to four significant digits."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


def reaches(ratio: float, goal: float, *, at_most: bool = False) -> bool:
    """Whether a ratio meets its goal; one that could not be measured does not."""
    if math.isnan(ratio):
        return False
    return ratio <= goal if at_most else ratio >= goal


def quotient(above: float, below: float) -> float:
    """above / below; NaN when there is nothing below, which no goal is met by."""
    return above / below if below > 0 else math.nan


def median(values: Sequence[float]) -> float:
    """The middle value; NaN for none."""
    return statistics.median(values) if values else math.nan


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0..1) of all values do not exceed (nearest rank); NaN for none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
