"""How often something renews: the one table of intervals, with what Stripe calls each of them.

An interval that is not in the table is refused: nobody is charged at a rhythm they did not choose.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """`count` times Stripe's `unit` (https://docs.stripe.com/api/prices/create, `recurring`); `words` follow "per"."""

    unit: str
    count: int
    words: str


INTERVALS: dict[str, Interval] = {
    "day": Interval("day", 1, "day"),
    "week": Interval("week", 1, "week"),
    "month": Interval("month", 1, "month"),
    "quarter": Interval("month", 3, "quarter"),
    "half_year": Interval("month", 6, "half-year"),
    "year": Interval("year", 1, "year"),
    "two_years": Interval("year", 2, "two years"),
    "three_years": Interval("year", 3, "three years"),
}


def in_words(interval: str) -> str:
    """The interval as it is said after "per": `half_year` → half-year."""
    known = INTERVALS.get(interval)
    return known.words if known else interval.replace("_", " ")
