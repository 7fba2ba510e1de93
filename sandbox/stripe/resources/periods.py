"""When billing periods end: counted from the anchor, so that the 31st stays the 31st wherever a month has one."""

import calendar
from datetime import UTC, datetime, timedelta

from sandbox.stripe.store import JsonObject


def after(start: int, recurring: JsonObject, times: int = 1) -> int:
    """`times` intervals after `start`. A day that the target month lacks becomes its last day."""
    moment, count = datetime.fromtimestamp(start, UTC), recurring["interval_count"] * times
    if recurring["interval"] in {"day", "week"}:
        days = count * (7 if recurring["interval"] == "week" else 1)
        return int((moment + timedelta(days=days)).timestamp())
    months = moment.month - 1 + count * (12 if recurring["interval"] == "year" else 1)
    year, month = moment.year + months // 12, months % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return int(moment.replace(year=year, month=month, day=day).timestamp())


def next_end(anchor: int, recurring: JsonObject, ending: int) -> int:
    """The end of the period that begins at `ending`: the first multiple of the interval from the anchor after it."""
    times = 1
    while after(anchor, recurring, times) <= ending:
        times += 1
    return after(anchor, recurring, times)
