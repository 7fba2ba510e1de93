"""How often something renews: the one table of intervals, with what Stripe calls each of them.

An interval that is not in the table is refused: nobody is charged at a rhythm they did not choose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.kernel.calendar import Unit, occurrence


@dataclass(frozen=True, slots=True)
class Recurrence:
    """`count` units between two charges, as Stripe's `recurring` says it
    (https://docs.stripe.com/api/prices/create); `words` follow "per"."""

    unit: Unit
    count: int
    words: str = ""

    def after(self, moment: datetime) -> datetime:
        """One interval later; a day that the month lacks becomes its last day, as at Stripe."""
        return occurrence(moment, self.unit, self.count)


# Stripe allows three years between two charges at most
# (https://docs.stripe.com/api/prices/create#create_price-recurring-interval_count).
INTERVALS: Mapping[str, Recurrence] = {
    "month": Recurrence("month", 1, "month"),
    "quarter": Recurrence("month", 3, "quarter"),
    "half_year": Recurrence("month", 6, "half-year"),
    "year": Recurrence("year", 1, "year"),
    "two_years": Recurrence("year", 2, "two years"),
    "three_years": Recurrence("year", 3, "three years"),
}


def in_words(interval: str) -> str:
    """The interval as it is said after "per": `half_year` → half-year."""
    known = INTERVALS.get(interval)
    return known.words if known else interval.replace("_", " ")
