"""An order: what an account wants to buy, whether it was paid, and whether all of it runs.

Money is believed only when billing reports it, and then compared with the order once more. A payment that does not
fit, or comes when the order is closed, delivers nothing: it puts the order before a person.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, ColumnElement, ForeignKey, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, WriteOnlyMapped, foreign, mapped_column, relationship

from services.catalog.domain.base import Base
from services.catalog.domain.customers import Customer
from services.catalog.domain.entitlements import Entitlement
from services.catalog.domain.order_items import OrderItem
from services.catalog.domain.order_states import NOT_PAYABLE, ORDER, REVIEW_REASONS
from services.catalog.domain.payments import Outcome, Particulars, Payment
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Conflict, Lifecycle, Money, new_id, rfc3339

TIME_TO_PAY = timedelta(hours=24)


class OrderHistory(History, Base):
    """What happened to an order; its customer's timeline is read from here."""

    __tablename__ = "order_history"

    order_id: Mapped[str] = mapped_column(
        PrefixedId("ord"), ForeignKey("catalog.orders.id", ondelete="CASCADE"), index=True
    )


class Order(Stateful, Base):
    """One order of one account. `attention` lists what staff should look at; it never changes what is delivered."""

    __tablename__ = "orders"
    __table_args__ = (
        status_check(ORDER),
        CheckConstraint("total_minor > 0", name="total"),
        Index("ix_orders_account_id_id", "account_id", "id"),
        Index("ix_orders_status_id", "status", "id"),
        Index("ix_orders_unpaid", "expires_at", postgresql_where=text("status = 'awaiting_payment'")),
        Index("ix_orders_attention", "id", postgresql_where=text("attention <> '[]'::jsonb")),
        Index("ix_orders_paid_at", "paid_at", postgresql_include=["currency", "total_minor"]),
    )
    lifecycle: ClassVar[Lifecycle] = ORDER
    history_model: ClassVar[type[Any]] = OrderHistory

    id: Mapped[str] = mapped_column(PrefixedId("ord"), primary_key=True)
    number: Mapped[str] = mapped_column(String(24), unique=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    placed_by: Mapped[str] = mapped_column(PrefixedId("usr"))
    currency: Mapped[str] = mapped_column(String(3))
    total_minor: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    paid_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    fulfilled_at: Mapped[datetime | None] = mapped_column(Instant, default=None)

    checkout_requested_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    checkout_id: Mapped[str | None] = mapped_column(String(64), default=None)
    checkout_url: Mapped[str | None] = mapped_column(Text, default=None)
    checkout_expires_at: Mapped[datetime | None] = mapped_column(Instant, default=None)

    problem_code: Mapped[str | None] = mapped_column(String(80), default=None)
    problem_message: Mapped[str | None] = mapped_column(Text, default=None)
    problem_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    review_reason: Mapped[str | None] = mapped_column(String(20), default=None)
    attention: Mapped[list[str]] = mapped_column(JSONB, default=list)

    items: Mapped[list[OrderItem]] = relationship(lazy="raise", order_by=OrderItem.position)
    payments: Mapped[list[Payment]] = relationship(lazy="raise", order_by=Payment.id)
    entitlements: Mapped[list[Entitlement]] = relationship(lazy="raise", order_by=Entitlement.id)
    history: WriteOnlyMapped[OrderHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    customer: Mapped[Customer | None] = relationship(
        lazy="raise", viewonly=True, primaryjoin=lambda: foreign(Order.account_id) == Customer.account_id
    )

    @classmethod
    def place(
        cls, number: str, account_id: str, placed_by: str, currency: str, items: Sequence[OrderItem], *, at: datetime
    ) -> "Order":
        """A new order for `items`, all in `currency`, to be paid within a day. `number` is what people quote."""
        order = cls(
            id=new_id("ord"),
            number=number,
            account_id=account_id,
            placed_by=placed_by,
            currency=currency,
            total_minor=sum((item.total for item in items), Money.zero(currency)).amount_minor,
            created_at=at,
            expires_at=at + TIME_TO_PAY,
            attention=[],
            items=list(items),
            payments=[],
            entitlements=[],
        )
        for position, item in enumerate(items):
            item.position = position
        order._begin(at=at, by=placed_by, detail={"total": str(order.total)})
        return order

    @classmethod
    def awaits_payment(cls) -> ColumnElement[bool]:
        """For queries: the order may still be paid."""
        return cls.has_status("awaiting_payment")

    @classmethod
    def has_status(cls, status: str) -> ColumnElement[bool]:
        """For queries: the order is in this state."""
        return cls._status == status

    @property
    def total(self) -> Money:
        """What is due now."""
        return Money(self.total_minor, self.currency)

    # The way to the payment page

    def request_checkout(self, *, at: datetime) -> None:
        """Notes the intent to open a payment page. Raises Conflict when the order cannot be paid."""
        if self.status != "awaiting_payment":
            raise Conflict(NOT_PAYABLE[self.status], slug="order-not-payable")
        if at >= self.expires_at:
            raise Conflict(NOT_PAYABLE["expired"], slug="order-not-payable")
        if self.checkout_requested_at is None:
            self.checkout_requested_at = at

    def checkout_opened(self, checkout_id: str, url: str, expires_at: datetime, *, at: datetime, by: str) -> bool:
        """Records the payment page. False when the order was closed meanwhile: then nobody may pay there."""
        if self.status != "awaiting_payment":
            return False
        if self.checkout_url != url:
            self.note("checkout_opened", at=at, by=by)
        self.checkout_id, self.checkout_url, self.checkout_expires_at = checkout_id, url, expires_at
        return True

    def open_checkout_url(self, *, at: datetime, margin: timedelta) -> str | None:
        """The recorded payment page, if it stays open for at least `margin`."""
        if self.checkout_expires_at is None or self.checkout_expires_at - margin <= at:
            return None
        return self.checkout_url

    # Closing without money

    def cancel(self, *, at: datetime, by: str) -> bool:
        """The customer gives the order up. Raises Conflict once that is no longer possible."""
        if self.status not in ("awaiting_payment", "canceled"):
            raise Conflict("Only an order that waits for its payment can be canceled.", slug="order-not-cancelable")
        return self._move("cancel", at=at, by=by)

    def expire(self, *, at: datetime, by: str) -> bool:
        """The time to pay has run out. False when that changes nothing any more."""
        return self.status == "awaiting_payment" and self._move("expire", at=at, by=by)

    # Money

    def payment_failed(self, code: str, message: str, *, failed_at: datetime, at: datetime, by: str) -> bool:
        """An attempt to pay was refused. False when it is older than what is known, or no longer matters."""
        if self.status != "awaiting_payment" or (self.problem_at is not None and failed_at <= self.problem_at):
            return False
        self.problem_code, self.problem_message, self.problem_at = code[:80], message, failed_at
        self.note("payment_failed", at=at, by=by, detail={"code": code, "message": message})
        return True

    def receive(
        self,
        account_id: str,
        money: Particulars,
        *,
        paid_at: datetime,
        at: datetime,
        by: str,
        items: Collection[str] = (),
        subscription: str | None = None,
    ) -> bool:
        """A payment arrived, at `paid_at`. True when it pays the order, and what was bought must now be granted.

        `items` are those it is for; none means all of them. The same particulars again change nothing. Anything else is
        kept and shown to staff, and grants nothing.
        """
        payment, wrong = self._payment(money), self._difference(account_id, money, items)
        if payment is not None and (payment.outcome != Outcome.MISMATCHED or wrong is not None):
            return False
        if payment is None:
            payment = self._record(money, paid_at, subscription)
        payment.paid_at = paid_at  # where a mismatch was reported first, only the moment we heard was known
        if self.status in ("paid", "fulfilled"):
            self._set_aside(payment, Outcome.SECOND, "the order was paid already", at, by)
            return False
        if wrong is not None:
            self._set_aside(payment, Outcome.MISMATCHED, wrong, at, by)
            return False
        if self.status in ("canceled", "expired"):
            self._set_aside(payment, Outcome.LATE, f"the order was {self.status}", at, by)
            return False
        if self.status == "under_review" and self.review_reason != "payment_mismatch":
            self._set_aside(payment, Outcome.SECOND, "another payment is under review", at, by)
            return False
        return self._settle(payment, at=at, by=by, reason=None)

    def report_mismatch(self, money: Particulars, reason: str, *, at: datetime, by: str) -> bool:
        """Billing saw money that does not match this order. False when it is known already."""
        if self._payment(money) is not None:
            return False
        self._set_aside(self._record(money, at, None), Outcome.MISMATCHED, reason, at, by)
        return True

    def accept_payment(self, *, at: datetime, by: str, reason: str) -> bool:
        """Staff take the money that is under review as the payment. Raises Conflict when there is none.

        False when the order is paid already.
        """
        if self.status in ("paid", "fulfilled"):
            return False
        waiting = [payment for payment in self.payments if payment.awaits_decision]
        if self.status != "under_review" or not waiting:
            raise Conflict("No payment of this order waits for a decision.", slug="nothing-to-accept")
        late = [payment for payment in waiting if payment.outcome == Outcome.LATE]
        return self._settle((late or waiting)[0], at=at, by=by, reason=reason)

    def _payment(self, money: Particulars) -> Payment | None:
        return next((payment for payment in self.payments if payment.particulars == money), None)

    def _record(self, money: Particulars, paid_at: datetime, subscription: str | None) -> Payment:
        payment = Payment(
            checkout_id=money.checkout_id,
            amount_minor=money.amount_minor,
            currency=money.currency,
            stripe_subscription_id=subscription,
            paid_at=paid_at,
        )
        self.payments.append(payment)
        return payment

    def _difference(self, account_id: str, money: Particulars, items: Collection[str]) -> str | None:
        if account_id != self.account_id:
            return f"paid by {account_id}"
        if (money.amount_minor, money.currency) != (self.total_minor, self.currency):
            return f"received {money}, the order's total is {self.total}"
        if items and set(items) != {item.id for item in self.items}:
            return "it names other items than those of the order"
        return None

    def _set_aside(self, payment: Payment, outcome: Outcome, reason: str, at: datetime, by: str) -> None:
        payment.outcome, payment.reason = outcome, reason
        self.flag(f"{outcome}_payment")
        self.note(f"{outcome}_payment", at=at, by=by, reason=f"{payment.particulars}: {reason}")
        if outcome is not Outcome.SECOND and self.lifecycle.allows(self.status, "hold"):
            self.review_reason = REVIEW_REASONS[self.status]
            self._move("hold", at=at, by=by, reason=reason, detail={"review_reason": self.review_reason})

    def _settle(self, payment: Payment, *, at: datetime, by: str, reason: str | None) -> bool:
        payment.outcome = Outcome.SETTLED
        open_questions = {f"{other.outcome}_payment" for other in self.payments}
        self.attention = [what for what in self.attention if what in open_questions or not what.endswith("_payment")]
        self.paid_at = payment.paid_at
        self.review_reason = None
        self.problem_code = self.problem_message = self.problem_at = None
        detail = {"amount": str(payment.particulars), "paid_at": rfc3339(payment.paid_at)}
        return self._move("pay", at=at, by=by, reason=reason, detail=detail)

    def flag(self, what: str) -> None:
        """Puts the order on the list of what staff should look at."""
        if what not in self.attention:
            self.attention = [*self.attention, what]

    def unflag(self, what: str) -> None:
        """Takes it off that list again: it has been dealt with."""
        if what in self.attention:
            self.attention = [other for other in self.attention if other != what]

    # Delivery

    def grant(self, *, at: datetime, by: str) -> list[Entitlement]:
        """The right to every unit of every item; for an order that has just been paid."""
        granted = [
            Entitlement.grant(item, ordinal, order_id=self.id, account_id=self.account_id, at=at, by=by)
            for item in self.items
            for ordinal in range(1, item.quantity + 1)
        ]
        self.entitlements.extend(granted)
        self.note("deliver", at=at, by=by, detail={"services": len(granted)})
        return granted

    def rights_of(self, item_ids: Collection[str]) -> list[Entitlement]:
        """The entitlements of these items."""
        return [right for right in self.entitlements if right.item_id in item_ids]

    def fulfill_when_all_run(self, *, at: datetime, by: str) -> bool:
        """Once every right that is not over has been served, the order is fulfilled. True when that is now."""
        live = [right for right in self.entitlements if not right.is_over]
        if self.status != "paid" or not live or any(right.activated_at is None for right in live):
            return False
        self.fulfilled_at = at
        return self._move("fulfill", at=at, by=by)
