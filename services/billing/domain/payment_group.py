"""The items of one order that renew together: one subscription at Stripe, which nothing else shares.

Stripe's dunning is per subscription (https://docs.stripe.com/billing/subscriptions/mixed-interval), so what must be
able to fail and end apart must not share one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.billing.domain.base import Base
from services.billing.domain.checkout import Checkout, CheckoutLine
from services.billing.domain.interval import ONE_TIME, recurrence_of
from services.billing.domain.subscription import ENDED, Subscription
from shared.database import Instant, PrefixedId
from shared.kernel import new_id

# A delivery this long after the payment is on time; a later one moves the next charge by its delay.
ON_TIME = timedelta(hours=1)

# When a group's subscription begins: with the payment (Checkout makes it), with the delivery (we make it), or never.
WITH_PAYMENT, WITH_DELIVERY, NEVER = "payment", "delivery", "never"
# Before Stripe has a subscription for the group.
WAITING = "waiting"

_CURRENT = frozenset({"active", "trialing"})
_OVER = ENDED | {"unpaid"}


def group_lines(lines: Iterable[CheckoutLine]) -> dict[str, list[CheckoutLine]]:
    """The lines by the interval at which they renew, in the order in which the intervals first appear."""
    groups: dict[str, list[CheckoutLine]] = {}
    for line in lines:
        groups.setdefault(line.interval, []).append(line)
    return groups


def per_price(items: "Iterable[PaymentGroupItem]") -> dict[str, int]:
    """Price id → live units. Stripe refuses one price twice on a subscription, so items of one price are one line."""
    units: dict[str, int] = {}
    for item in items:
        units[item.price_id] = units.get(item.price_id, 0) + item.live_units
    return units


class PaymentGroupUnit(Base):
    """One unit of an item whose right ended or came back; the newest version of the right decides."""

    __tablename__ = "payment_group_units"

    entitlement_id: Mapped[str] = mapped_column(PrefixedId("ent"), primary_key=True)
    group_item_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("billing.payment_group_items.id", ondelete="CASCADE"), index=True
    )
    live: Mapped[bool] = mapped_column(Boolean)
    version: Mapped[int] = mapped_column(Integer)


class PaymentGroupItem(Base):
    """An item of the order within its group. `item_id` is None where the order named none (it was placed before).

    quantity: units bought. live_units: those still to be charged. delivered_at: when all of them first ran.
    """

    __tablename__ = "payment_group_items"
    __table_args__ = (
        CheckConstraint("live_units BETWEEN 0 AND quantity", name="live_units"),
        Index("ix_payment_group_items_item_id", "item_id", unique=True, postgresql_where=text("item_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    group_id: Mapped[str] = mapped_column(
        PrefixedId("grp"), ForeignKey("billing.payment_groups.id", ondelete="CASCADE"), index=True
    )
    item_id: Mapped[str | None] = mapped_column(PrefixedId("itm"), default=None)
    price_id: Mapped[str] = mapped_column(PrefixedId("prc"))
    quantity: Mapped[int] = mapped_column(Integer)
    live_units: Mapped[int] = mapped_column(Integer)
    unit_amount_minor: Mapped[int] = mapped_column(BigInteger)
    delivered_at: Mapped[datetime | None] = mapped_column(Instant, default=None)


class PaymentGroup(Base):
    """What renews together. `status` is Stripe's word for its subscription, or `waiting` before there is one.

    paid_at: when the money for its order arrived. announced: what others were told last (started, past_due, ended).
    revision: counts changes of live units, so that a slow call to Stripe notices that it is outdated.
    """

    __tablename__ = "payment_groups"
    __table_args__ = (
        CheckConstraint("starts IN ('payment', 'delivery', 'never')", name="starts"),
        Index("ix_payment_groups_account_id", "account_id", "id"),
        # What nobody was told of yet; normally none.
        Index(
            "ix_payment_groups_unannounced",
            "id",
            postgresql_where=text("announced IS NULL AND paid_at IS NOT NULL AND stripe_subscription_id IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(PrefixedId("grp"), primary_key=True)
    checkout_id: Mapped[str] = mapped_column(
        PrefixedId("chk"), ForeignKey("billing.checkouts.id", ondelete="CASCADE"), index=True
    )
    order_id: Mapped[str] = mapped_column(PrefixedId("ord"), index=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    interval: Mapped[str] = mapped_column(String(20))
    currency: Mapped[str] = mapped_column(String(3))
    starts: Mapped[str] = mapped_column(String(10))
    stripe_subscription_id: Mapped[str | None] = mapped_column(String(255), default=None, unique=True)
    status: Mapped[str] = mapped_column(String(30), default=WAITING)
    period_end: Mapped[datetime | None] = mapped_column(Instant, default=None)
    ends_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    announced: Mapped[str | None] = mapped_column(String(10), default=None)
    paid_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    rescheduled_to: Mapped[datetime | None] = mapped_column(Instant, default=None)
    revision: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(Instant)
    items: Mapped[list[PaymentGroupItem]] = relationship(
        lazy="selectin", order_by=PaymentGroupItem.id, cascade="all, delete-orphan", passive_deletes=True
    )

    @classmethod
    def of(cls, checkout: Checkout, lines: Sequence[CheckoutLine], at: datetime) -> "list[PaymentGroup]":
        """The groups of a new checkout."""
        with_payment = checkout.mode == "subscription"
        return [
            cls(
                id=new_id("grp"),
                checkout_id=checkout.id,
                order_id=checkout.order_id,
                account_id=checkout.account_id,
                interval=interval,
                currency=checkout.currency,
                starts=NEVER if interval == ONE_TIME else WITH_PAYMENT if with_payment else WITH_DELIVERY,
                status=WAITING,
                revision=0,
                created_at=at,
                items=[
                    PaymentGroupItem(
                        item_id=line.item_id,
                        price_id=line.price_id,
                        quantity=line.quantity,
                        live_units=line.quantity,
                        unit_amount_minor=line.unit_amount_minor,
                    )
                    for line in members
                ],
            )
            for interval, members in group_lines(lines).items()
        ]

    @property
    def live_items(self) -> list[PaymentGroupItem]:
        """The items of which anything is still to be charged."""
        return [item for item in self.items if item.live_units]

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The items a fact about this group concerns: those still charged, or all once none is."""
        return tuple(item.item_id for item in self.live_items or self.items if item.item_id is not None)

    @property
    def total_minor(self) -> int:
        """What the next charge is."""
        return sum(item.live_units * item.unit_amount_minor for item in self.items)

    def bind(self, stripe_subscription_id: str) -> bool:
        """This is the group's subscription at Stripe. False when it already has another one."""
        if self.stripe_subscription_id is None:
            self.stripe_subscription_id = stripe_subscription_id
        return self.stripe_subscription_id == stripe_subscription_id

    @property
    def delivered_at(self) -> datetime | None:
        """When the last live item was delivered; None while one is not."""
        moments = [item.delivered_at for item in self.live_items]
        if not moments or None in moments:
            return None
        return max(moment for moment in moments if moment is not None)

    def first_charge_at(self) -> datetime | None:
        """When a subscription that begins with the delivery charges first: one interval later. None until then."""
        recurrence, delivered = recurrence_of(self.interval), self.delivered_at
        if self.starts != WITH_DELIVERY or recurrence is None or delivered is None:
            return None
        return recurrence.after(delivered)

    def delay(self) -> timedelta | None:
        """By how much a late delivery moves the next charge; None when it was on time or is still to come."""
        delivered = self.delivered_at
        if self.starts != WITH_PAYMENT or delivered is None or self.paid_at is None:
            return None
        delay = delivered - self.paid_at
        return delay if delay > ON_TIME else None

    def first_period_end(self, at: datetime) -> datetime:
        """Until when what began its subscription pays, whenever it is told: `at` where that is not known.

        Stripe's snapshot may be of a later period, whose renewal nobody has paid yet; a trial is never charged.
        """
        end, recurrence = self.period_end or at, recurrence_of(self.interval)
        begun = self.delivered_at if self.starts == WITH_DELIVERY else self.paid_at
        if self.status == "trialing" or recurrence is None or begun is None:
            return end
        return min(end, recurrence.after(begun))

    def follow(self, subscription: Subscription) -> list[str]:
        """Shows the subscription's state; says what is news to others: started, past_due, recovered, ended.

        Before the money for the order has arrived nothing is.
        """
        self.status = subscription.status
        self.period_end = subscription.period_end
        self.ends_at = subscription.ends_at
        if self.paid_at is None:
            return []
        news: list[str] = []
        if self.announced is None and (subscription.status in _CURRENT or subscription.status == "past_due"):
            news.append("started")
        if subscription.status == "past_due" and self.announced != "past_due":
            news.append("past_due")
        elif subscription.status in _CURRENT and self.announced in ("past_due", "ended"):
            news.append("recovered")
        elif subscription.status in _OVER and self.announced != "ended":
            news.append("ended")
        if news:
            self.announced = {"recovered": "started"}.get(news[-1], news[-1])
        return news
