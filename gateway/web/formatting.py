"""Amounts, sizes, times and savings as people read them. Integers in, text out; no float ever holds money."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.kernel import written

_NBSP = "\N{NO-BREAK SPACE}"


def money(value: Mapping[str, Any] | int, currency: str | None = None) -> str:
    """`{"amount_minor": 1200, "currency": "EUR"}`, or an integer with `currency`, as `€12.00`."""
    if isinstance(value, Mapping):
        return written(int(value["amount_minor"]), str(value["currency"]))
    return written(int(value), str(currency or ""))


def price_for(plan: Mapping[str, Any], currency: str, interval: str) -> Mapping[str, Any] | None:
    """The plan's price in that currency and interval, or None when it is not sold that way."""
    prices: Sequence[Mapping[str, Any]] = plan["prices"]
    for price in prices:
        if price["currency"] == currency and price["interval"] == interval:
            return price
    return None


def yearly_saving(plan: Mapping[str, Any], currency: str) -> Mapping[str, int] | None:
    """What paying by the year saves: `{"months": 2}` when it is whole months, else `{"percent": 8}`, rounded down."""
    month, year = price_for(plan, currency, "month"), price_for(plan, currency, "year")
    if month is None or year is None:
        return None
    monthly = int(month["amount_minor"])
    saved = 12 * monthly - int(year["amount_minor"])
    if monthly <= 0 or saved <= 0:
        return None
    if saved % monthly == 0:
        return {"months": saved // monthly}
    percent = saved * 100 // (12 * monthly)
    return {"percent": percent} if percent else None


def size_mb(megabytes: int) -> str:
    """Binary steps, as hypervisors count memory: 512 MB, 2 GB, 1.5 GB."""
    if megabytes < 1024:
        return f"{megabytes}{_NBSP}MB"
    whole, rest = divmod(megabytes, 1024)
    return f"{whole}{_NBSP}GB" if rest == 0 else f"{megabytes / 1024:.1f}{_NBSP}GB"


def parse_time(value: str) -> datetime:
    """RFC 3339 as the services write it, to an aware datetime in UTC."""
    return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)


def moment(value: str) -> str:
    """`22 Nov 2025, 14:05 UTC`: what shows until the browser turns it into the reader's own time zone."""
    at = parse_time(value)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def day(value: str) -> str:
    at = parse_time(value)
    return f"{at.day} {at:%b %Y}"


def wait_words(seconds: int) -> str:
    """How long to wait, rounded up: `30 seconds`, `4 minutes`, `2 hours`."""
    for size, word in ((3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = math.ceil(seconds / size)
            return f"{count} {word}{'s' if count != 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"
