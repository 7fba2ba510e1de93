"""A clock that stands still until it is told to move."""

from datetime import UTC, datetime, timedelta


class FrozenClock:
    """Always says `moment`; `advance` moves it."""

    def __init__(self, moment: datetime = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """The moment it stands at."""
        return self.moment

    def advance(self, by: timedelta) -> None:
        """Moves the clock forward."""
        self.moment += by
