"""Time is handed in, never fetched in the domain, so that a test can choose any moment."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Whatever can say what time it is: the system in production, a frozen clock in tests."""

    def now(self) -> datetime:
        """The current moment, aware and in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The current moment, aware and in UTC."""
        return datetime.now(UTC)


def aware(moment: datetime) -> datetime:
    """`moment` in UTC. Raises ValueError for a naive datetime: a guess about its zone would be a bug."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no meaning here")
    return moment.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """`moment` as RFC 3339 in UTC with milliseconds and a final Z."""
    return aware(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")
