"""What a price's interval means to billing: what recurs, what is charged once, and what nobody may guess."""

from shared.contracts.intervals import INTERVALS, Recurrence

# What is charged with the first payment and never again.
ONE_TIME = "one_time"


class UnknownInterval(ValueError):
    """A word that stands for no interval here: nobody may guess how often it is charged."""


def recurrence_of(interval: str) -> Recurrence | None:
    """How often `interval` is charged; None for what is charged once. Raises UnknownInterval."""
    if interval == ONE_TIME:
        return None
    try:
        return INTERVALS[interval]
    except KeyError:
        raise UnknownInterval(f"{interval!r} is no interval we charge at") from None
