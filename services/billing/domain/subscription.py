"""Stripe's subscriptions, mirrored: the newest snapshot wins; an ended subscription stays ended."""

from datetime import datetime

from sqlalchemy import Boolean, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.base import Base
from services.billing.domain.facts import Stamp, SubscriptionFact
from shared.database import Instant, PrefixedId

# Terminal at Stripe (https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses).
ENDED = frozenset({"canceled", "incomplete_expired"})
# `fetched` is what Stripe answered when it was asked: it decides between events of one second.
_ORDER = {"created": 0, "updated": 1, "deleted": 2, "fetched": 3}


class Subscription(Base):
    """A mirrored subscription. `as_of`, `as_of_order` and `as_of_event` say which snapshot it shows."""

    __tablename__ = "subscriptions"

    stripe_subscription_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"), index=True)
    order_id: Mapped[str | None] = mapped_column(PrefixedId("ord"), default=None, index=True)
    status: Mapped[str] = mapped_column(String(30), default="incomplete")
    period_end: Mapped[datetime | None] = mapped_column(Instant, default=None)
    cancel_at_period_end: Mapped[bool] = mapped_column(Boolean, default=False)
    ends_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    as_of: Mapped[datetime] = mapped_column(Instant)
    as_of_order: Mapped[int] = mapped_column(Integer, default=-1)
    as_of_event: Mapped[str] = mapped_column(String(255), default="")

    def is_tie(self, fact: SubscriptionFact, stamp: Stamp) -> bool:
        """Whether this snapshot and the one shown are of one second, differ, and neither is the last by its nature.

        Stripe's times are whole seconds, and its event ids say nothing of order: the object itself must be asked.
        """
        order = _ORDER.get(stamp.type.rpartition(".")[2], 1)
        if order != _ORDER["updated"] or self.as_of_order not in (_ORDER["updated"], _ORDER["fetched"]):
            return False
        if stamp.created != self.as_of or stamp.event_id == self.as_of_event:
            return False
        shown = (self.status, self.period_end, self.cancel_at_period_end, self.ends_at)
        return shown != (fact.status, fact.period_end, fact.cancel_at_period_end, fact.ends_at)

    def mirror(self, fact: SubscriptionFact, stamp: Stamp) -> bool:
        """Shows this snapshot unless a newer one is shown already; the event id only breaks ties, always alike."""
        order = _ORDER.get(stamp.type.rpartition(".")[2], 1)
        created = stamp.created
        if order == _ORDER["fetched"] and self.as_of_order >= 0:
            created = self.as_of  # asked after all that was told so far, whatever our clock says
        mine = (self.status in ENDED, self.as_of, self.as_of_order, self.as_of_event)
        fetched_again = order == self.as_of_order == _ORDER["fetched"] and self.status not in ENDED
        if not fetched_again and (fact.status in ENDED, created, order, stamp.event_id) <= mine:
            return False
        self.status = fact.status
        self.period_end = fact.period_end
        self.cancel_at_period_end = fact.cancel_at_period_end
        self.ends_at = fact.ends_at
        self.as_of = created
        self.as_of_order = order
        self.as_of_event = stamp.event_id
        return True
