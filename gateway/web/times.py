"""Moments as people read them. The browser makes them relative and puts the exact moment into a tooltip."""

from datetime import UTC, datetime


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC, for the `datetime` attribute."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(at: datetime) -> str:
    """`22 Nov 2026, 14:05 UTC`: what shows without scripts."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def duration(begin: datetime, end: datetime) -> str:
    """How long something took: `4 s`, `3 min`, `2 h`."""
    seconds = max(0, round((end - begin).total_seconds()))
    if seconds < 100:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
