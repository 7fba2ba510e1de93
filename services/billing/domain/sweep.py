"""How far Stripe's own list of events has been compared with what was delivered."""

from datetime import datetime, timedelta

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.base import Base
from shared.database import Instant

# Stripe's list shows an event a moment after it happened, and clocks differ: each window reaches back a little.
OVERLAP = timedelta(minutes=10)
# Long outages are caught up in windows of this length, oldest first.
WINDOW = timedelta(hours=6)
# Stripe lists the events of the last 30 days (https://docs.stripe.com/api/events/list).
REACH = timedelta(days=30)
_FIRST = timedelta(hours=1)


class Sweep(Base):
    """A bookmark: everything up to `swept_until` has been fetched. `window_until` and `after_id` name a window
    that is being paged through."""

    __tablename__ = "sweeps"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    swept_until: Mapped[datetime] = mapped_column(Instant)
    window_until: Mapped[datetime | None] = mapped_column(Instant, default=None)
    after_id: Mapped[str | None] = mapped_column(String(255), default=None)

    @classmethod
    def begin(cls, name: str, at: datetime) -> "Sweep":
        """The bookmark of a new installation: an hour back."""
        return cls(name=name, swept_until=at - _FIRST, window_until=None, after_id=None)

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """The window being compared now, from and until; a fresh one when none is under way."""
        start = max(self.swept_until - OVERLAP, at - REACH)
        if self.window_until is None:
            self.window_until = min(max(self.swept_until, at - REACH) + WINDOW, at)
        return start, self.window_until

    def page_read(self, last_id: str | None) -> None:
        """A page was stored; `last_id` continues the window, None says it is complete."""
        self.after_id = last_id
        if last_id is None and self.window_until is not None:
            self.swept_until = max(self.swept_until, self.window_until)
            self.window_until = None
