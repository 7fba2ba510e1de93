"""Dates that recur: every month on the 31st, every year on the 29th of February, every day at nine.

All are counted from the anchor and never from the last occurrence, so that a short month shortens no later one: what
began on the 31st of January comes on the 28th (or 29th) of February, the 31st of March, the 30th of April. Times of day
are those of a zone's clocks, in summer and in winter. Stripe anchors billing cycles in the same way, in UTC:
https://docs.stripe.com/billing/subscriptions/billing-cycle
"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

Unit = Literal["day", "week", "month", "year"]


def add_months(anchor: date, months: int) -> date:
    """The same day of the month `months` later (or earlier), or the last one of a month that is too short.

    Raises OverflowError outside the years 1 to 9999.
    """
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError("date value out of range")
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, monthrange(year, month + 1)[1]))


def recurrence(anchor: date, unit: Unit, count: int) -> date:
    """The `count`-th date after `anchor` (0 is the anchor itself, -1 the one before)."""
    if unit == "day":
        return anchor + timedelta(days=count)
    if unit == "week":
        return anchor + timedelta(weeks=count)
    return add_months(anchor, count if unit == "month" else 12 * count)


def occurrence(anchor: datetime, unit: Unit, count: int, zone: tzinfo = UTC) -> datetime:
    """The `count`-th moment after `anchor`, at the same time of day on the clocks of `zone`; returned in UTC.

    A time that clocks skip when summer time begins is taken as if they had not been set yet (02:30 becomes 03:30); of
    one that comes twice, the first is meant. Raises ValueError for a naive anchor.
    """
    if anchor.tzinfo is None:
        raise ValueError("a naive datetime has no meaning here")
    local = anchor.astimezone(zone)
    day = recurrence(local.date(), unit, count)
    # `fold` of the anchor belongs to the anchor's day only; count 0 must give the anchor itself back.
    fold = local.fold if count == 0 else 0
    return datetime.combine(day, local.timetz().replace(fold=fold)).astimezone(UTC)
