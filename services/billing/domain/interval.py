"""How often a price is charged: our word for an interval, and Stripe's unit and count for it."""

import calendar
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# What is charged with the first payment and never again.
ONE_TIME = "one_time"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """`count` units between two charges, as Stripe's `recurring` says it."""

    unit: Literal["month", "year"]
    count: int

    def after(self, moment: datetime) -> datetime:
        """One interval later; a day that the month lacks becomes its last day, as at Stripe."""
        months = moment.month - 1 + self.count * (12 if self.unit == "year" else 1)
        year, month = moment.year + months // 12, months % 12 + 1
        return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


# Stripe allows three years between two charges at most
# (https://docs.stripe.com/api/prices/create#create_price-recurring-interval_count).
INTERVALS: dict[str, Recurrence | None] = {
    ONE_TIME: None,
    "month": Recurrence("month", 1),
    "quarter": Recurrence("month", 3),
    "half_year": Recurrence("month", 6),
    "year": Recurrence("year", 1),
    "two_years": Recurrence("year", 2),
    "three_years": Recurrence("year", 3),
}


class UnknownInterval(ValueError):
    """A word that stands for no interval here: nobody may guess how often it is charged."""


def recurrence_of(interval: str) -> Recurrence | None:
    """How often `interval` is charged; None for what is charged once. Raises UnknownInterval."""
    try:
        return INTERVALS[interval]
    except KeyError:
        raise UnknownInterval(f"{interval!r} is no interval we charge at") from None
