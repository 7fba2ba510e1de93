"""The payment of one order: opened once, paid at most once, and only by money that matches it."""

import enum
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.billing.domain.base import Base
from services.billing.domain.interval import recurrence_of
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Lifecycle, new_id

CHECKOUT = Lifecycle(
    "checkout",
    "open",
    {
        ("open", "pay"): "paid",
        ("open", "expire"): "expired",
        ("open", "mismatch"): "mismatched",
        ("expired", "reopen"): "open",
        # Stripe takes no money for an expired session, so money that says otherwise is looked at by a person.
        ("expired", "mismatch"): "mismatched",
    },
    repeats={"pay": ("paid",), "expire": ("expired",), "mismatch": ("mismatched",)},
)

# Stripe: a session lives 30 minutes at least and 24 hours at most, counted from when it receives the request
# (https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at); a minute covers the way.
SHORTEST_SESSION = timedelta(minutes=30)
LONGEST_SESSION = timedelta(hours=24)
_MARGIN = timedelta(minutes=1)
# A link that is about to expire is not handed out any more.
_STILL_USEFUL = timedelta(minutes=1)


class CheckoutHistory(History, Base):
    """What happened to a checkout."""

    __tablename__ = "checkout_history"

    checkout_id: Mapped[str] = mapped_column(
        PrefixedId("chk"), ForeignKey("billing.checkouts.id", ondelete="CASCADE"), index=True
    )


class Settlement(enum.Enum):
    """What a proof of payment did to a checkout."""

    PAID = "paid"
    MISMATCHED = "mismatched"
    NOTHING_NEW = "nothing new"


@dataclass(frozen=True, slots=True)
class Proof:
    """Money that Stripe says has arrived: how much, whose, and what says so (`session` or `invoice`).

    paid_at: when, by Stripe's own clock; None where it does not say.
    """

    source: str
    amount_minor: int
    currency: str
    customer_id: str | None
    subscription_id: str | None
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckoutLine:
    """One line of the order: a plan's price, how often, and its set-up fee per unit.

    item_id: the order's item it pays; None where whoever asks names none.
    """

    price_id: str
    description: str
    quantity: int
    unit_amount_minor: int
    setup_fee_minor: int
    interval: str
    item_id: str | None = None

    @property
    def total_minor(self) -> int:
        """What the line adds to the first payment."""
        return self.quantity * (self.unit_amount_minor + self.setup_fee_minor)


def mode_for(lines: Sequence[CheckoutLine]) -> str:
    """The kind of payment page these lines need.

    Checkout sells one recurring interval per session, and then makes its subscription. Any other cart is one payment
    that saves the card, with which a subscription per interval is started when its items are delivered.
    """
    intervals = {line.interval for line in lines if recurrence_of(line.interval) is not None}
    return "subscription" if len(intervals) == 1 else "payment"


class Checkout(Stateful, Base):
    """One order's payment. `attempt` counts the sessions opened for it; only the newest can take money.

    mode: Stripe's word for the kind of page, see `mode_for`.
    """

    __tablename__ = "checkouts"
    __table_args__ = (
        status_check(CHECKOUT),
        # The reconciler walks these; there are only as many as people paying right now.
        Index("ix_checkouts_open", "checked_at", postgresql_where=text("status = 'open'")),
        Index("ix_checkouts_account_id", "account_id", "id"),
    )

    lifecycle = CHECKOUT
    history_model = CheckoutHistory
    history: WriteOnlyMapped[CheckoutHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    id: Mapped[str] = mapped_column(PrefixedId("chk"), primary_key=True)
    order_id: Mapped[str] = mapped_column(PrefixedId("ord"), unique=True)
    order_number: Mapped[str] = mapped_column(String(40))
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    currency: Mapped[str] = mapped_column(String(3))
    total_minor: Mapped[int] = mapped_column(BigInteger)
    mode: Mapped[str] = mapped_column(String(12), server_default="subscription")
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    order_expires_at: Mapped[datetime] = mapped_column(Instant)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    session_expires_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    stripe_customer_id: Mapped[str | None] = mapped_column(String(255), default=None, index=True)
    stripe_session_id: Mapped[str | None] = mapped_column(String(255), default=None, unique=True)
    session_url: Mapped[str | None] = mapped_column(String(2048), default=None)
    stripe_subscription_id: Mapped[str | None] = mapped_column(String(255), default=None, index=True)
    paid_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    mismatch: Mapped[str | None] = mapped_column(String(200), default=None)
    checked_at: Mapped[datetime] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)

    @classmethod
    def begin(
        cls,
        *,
        order_id: str,
        order_number: str,
        account_id: str,
        currency: str,
        total_minor: int,
        lines: Sequence[CheckoutLine],
        order_expires_at: datetime,
        at: datetime,
    ) -> "Checkout":
        """A checkout without a session yet."""
        checkout = cls(
            id=new_id("chk"),
            order_id=order_id,
            order_number=order_number,
            account_id=account_id,
            currency=currency,
            total_minor=total_minor,
            mode=mode_for(lines),
            lines=[asdict(line) for line in lines],
            order_expires_at=order_expires_at,
            attempt=0,
            checked_at=at,
            created_at=at,
        )
        checkout._begin(at=at, by="catalog")
        return checkout

    @classmethod
    def having(cls, status: str) -> ColumnElement[bool]:
        """The condition of a query for checkouts in this state."""
        return cls._status == status

    def is_for(self, *, account_id: str, currency: str, total_minor: int) -> bool:
        """Whether a repeated request asks for the same payment."""
        return (self.account_id, self.currency, self.total_minor) == (account_id, currency, total_minor)

    def link_works(self, at: datetime) -> bool:
        """Whether the session at hand can still be handed to a customer."""
        if self.status != "open" or self.session_url is None or self.session_expires_at is None:
            return False
        return self.session_expires_at > at + _STILL_USEFUL

    def can_still_be_created(self, at: datetime) -> bool:
        """Whether Stripe would still accept the expiry chosen for the session being opened."""
        return self.session_expires_at is not None and self.session_expires_at >= at + SHORTEST_SESSION

    def next_session(self, stripe_customer_id: str, at: datetime) -> None:
        """Begins another session: its number and expiry are fixed now, so that a repeated call repeats them exactly."""
        if self.status == "expired":
            self._move("reopen", at=at, by="catalog")
        self.attempt += 1
        self.stripe_customer_id = stripe_customer_id
        self.stripe_session_id = None
        self.session_url = None
        earliest, latest = at + SHORTEST_SESSION + _MARGIN, at + LONGEST_SESSION - _MARGIN
        self.session_expires_at = min(max(self.order_expires_at, earliest), latest).replace(microsecond=0)

    def record_session(self, session_id: str, url: str | None, expires_at: datetime, at: datetime) -> None:
        """Stripe opened this session for the present attempt. Raises ValueError when another one is recorded."""
        if self.stripe_session_id not in (None, session_id):
            raise ValueError(f"{self.id}: attempt {self.attempt} is {self.stripe_session_id}, not {session_id}")
        if self.stripe_session_id is None:
            self.note("session", at=at, by="billing", detail={"attempt": self.attempt})
        self.stripe_session_id = session_id
        self.session_url = url
        self.session_expires_at = expires_at
        self.checked_at = at

    def drop_session(self, at: datetime, reason: str) -> None:
        """The session can take no money any more, though the order may still be paid: the next one starts afresh."""
        self.stripe_session_id = None
        self.session_url = None
        self.session_expires_at = at
        self.note("session_failed", at=at, by="stripe", reason=reason)

    def settle(self, proof: Proof, at: datetime) -> Settlement:
        """Weighs a proof of payment. Paid is absorbing; a mismatch holds until a person has looked at it."""
        if self.status in ("paid", "mismatched"):
            return Settlement.NOTHING_NEW
        difference = self._difference(proof)
        detail = {"source": proof.source, "amount_minor": proof.amount_minor, "currency": proof.currency}
        self.stripe_subscription_id = proof.subscription_id or self.stripe_subscription_id
        if difference is not None:
            self._move("mismatch", at=at, by="stripe", reason=difference, detail=detail)
            self.mismatch = difference
            return Settlement.MISMATCHED
        self._move("pay", at=at, by="stripe", detail=detail)
        self.paid_at = proof.paid_at or at
        return Settlement.PAID

    def expire(self, at: datetime) -> bool:
        """The session was closed unpaid. True when that is news."""
        if self.status in ("paid", "mismatched"):
            return False
        self.session_url = None
        return self._move("expire", at=at, by="stripe")

    def _difference(self, proof: Proof) -> str | None:
        if self.status == "expired":
            return "paid after the payment page had expired"
        if proof.customer_id is None or proof.customer_id != self.stripe_customer_id:
            return "the customer who paid is not the one who ordered"
        if proof.currency != self.currency:
            return "the currency differs from the order's"
        if proof.amount_minor != self.total_minor:
            return "the amount differs from the order's total"
        return None


class ClosedOrder(Base):
    """An order that was canceled: no session may be opened for it, however late the request for one arrives."""

    __tablename__ = "closed_orders"

    order_id: Mapped[str] = mapped_column(PrefixedId("ord"), primary_key=True)
    closed_at: Mapped[datetime] = mapped_column(Instant)
