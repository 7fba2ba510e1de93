"""Attempts to move money: which succeeded, which were refused and why, what was refunded or is in dispute."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.base import Base
from services.billing.domain.facts import DisputeFact, PaymentFact, Stamp
from services.billing.domain.ledger import Account, Draft, Kind, transfer
from shared.database import Instant, PrefixedId

_STATUS_ORDER = {"pending": 0, "failed": 1, "succeeded": 2}
_DISPUTE_ORDER = {"created": 0, "updated": 1, "funds_withdrawn": 2, "funds_reinstated": 3, "closed": 4}

_DECLINED = ("card_declined", "The card was declined. Try another card, or ask the bank that issued it.")
# Words of our own for the codes a payer can act upon. Everything else, above all what hints at fraud, reads like any
# other decline: Stripe asks not to show those reasons (https://docs.stripe.com/declines/codes).
_WORDS = {
    "insufficient_funds": "The card does not have enough money available. Try another card.",
    "expired_card": "The card has expired. Try another card.",
    "incorrect_cvc": "The card's security code is not right. Check it and try again.",
    "incorrect_number": "The card number is not right. Check it and try again.",
    "card_velocity_exceeded": "The card has reached its limit. Try another card.",
    "currency_not_supported": "The card does not support this currency. Try another card.",
    "processing_error": "The bank could not process the payment. Try again in a few minutes.",
    "authentication_required": "The bank wants to confirm that it is you. Try again and follow its steps.",
    "payment_intent_authentication_failure": (
        "The bank could not confirm that it was you. Try again or use another card."
    ),
    "async_payment_failed": "The bank did not carry out the payment. Try again, or use another way to pay.",
}


def words_for(code: str | None) -> tuple[str, str]:
    """A code and a sentence that may be shown to the customer."""
    if code is not None and code in _WORDS:
        return code, _WORDS[code]
    return _DECLINED


class Payment(Base):
    """One attempt, by its charge's id. Refunds and disputes are facts on it, not states of it.

    charged_at: when its money was taken, known from the charge itself. fee: what Stripe took for it, where that is
    known (`transaction`, `amount_minor`, `currency`). refunds_booked_until, disputes_booked_until:
    those made until then are in the ledger as one sum, because they were not kept one by one yet.
    """

    __tablename__ = "payments"

    reference: Mapped[str] = mapped_column(String(255), primary_key=True)
    stripe_payment_intent_id: Mapped[str | None] = mapped_column(String(255), default=None, index=True)
    stripe_customer_id: Mapped[str | None] = mapped_column(String(255), default=None)
    account_id: Mapped[str | None] = mapped_column(PrefixedId("acc"), default=None, index=True)
    order_id: Mapped[str | None] = mapped_column(PrefixedId("ord"), default=None, index=True)
    status: Mapped[str] = mapped_column(String(20), default="pending")
    amount_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    currency: Mapped[str] = mapped_column(String(3))
    failure_code: Mapped[str | None] = mapped_column(String(100), default=None)
    failure_reported_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    refunded_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    dispute_status: Mapped[str | None] = mapped_column(String(40), default=None)
    dispute_reason: Mapped[str | None] = mapped_column(String(60), default=None)
    disputed_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    dispute_as_of: Mapped[datetime | None] = mapped_column(Instant, default=None)
    dispute_as_of_order: Mapped[int] = mapped_column(Integer, default=-1)
    charged_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    fee: Mapped[dict[str, Any] | None] = mapped_column(JSONB, default=None)
    refunds_booked_until: Mapped[datetime | None] = mapped_column(Instant, default=None)
    disputes_booked_until: Mapped[datetime | None] = mapped_column(Instant, default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)
    as_of: Mapped[datetime] = mapped_column(Instant)

    def mirror(self, fact: PaymentFact, stamp: Stamp) -> None:
        """Shows this snapshot unless a newer one is shown; within one second, more refunded is newer."""
        order = _STATUS_ORDER.get(fact.status, 0)
        mine = (_STATUS_ORDER.get(self.status, 0), self.as_of, self.refunded_minor)
        self.stripe_payment_intent_id = fact.payment_intent_id or self.stripe_payment_intent_id
        self.stripe_customer_id = fact.customer_id or self.stripe_customer_id
        if fact.status == "succeeded":
            self.charged_at = self.charged_at or fact.made_at
        if fact.cost is not None:
            fee = {"transaction": fact.cost.id, "amount_minor": fact.cost.fee_minor, "currency": fact.cost.currency}
            self.fee = self.fee or fee
        if (order, stamp.created, fact.refunded_minor) < mine:
            return
        self.status = fact.status
        self.amount_minor = fact.amount_minor
        self.failure_code = fact.failure_code
        self.refunded_minor = fact.refunded_minor
        self.as_of = stamp.created

    def dispute(self, fact: DisputeFact, stamp: Stamp) -> None:
        """Notes where a dispute stands, unless something newer is noted."""
        order = _DISPUTE_ORDER.get(stamp.type.rpartition(".")[2], 1)
        self.stripe_payment_intent_id = self.stripe_payment_intent_id or fact.payment_intent_id
        noted = self.dispute_as_of
        if noted is not None and (stamp.created, order) < (noted, self.dispute_as_of_order):
            return
        self.dispute_status = fact.status
        self.dispute_reason = fact.reason
        self.disputed_minor = fact.amount_minor
        self.dispute_as_of = stamp.created
        self.dispute_as_of_order = order

    def report_failure(self, at: datetime) -> bool:
        """True the first time a refused attempt is to be told to the customer; every later time False."""
        if self.status != "failed" or self.failure_reported_at is not None:
            return False
        self.failure_reported_at = at
        return True


def payment_drafts(payment: Payment) -> list[Draft]:
    """A charge that succeeded is on our balance at Stripe, and is the customer's credit until it pays an invoice; what
    Stripe takes for it is a fee. Nothing before the charge itself was seen, nor for customers who are not ours.
    """
    if payment.status != "succeeded" or payment.account_id is None or payment.charged_at is None:
        return []
    at, charge = payment.charged_at, payment.reference
    taken = transfer(Account.CLEARING, Account.CUSTOMER_CREDIT, payment.amount_minor)
    drafts = [Draft(Kind.CAPTURE, charge, at, payment.currency, taken, charge=charge)]
    if payment.fee is not None:
        cost = transfer(Account.FEES, Account.CLEARING, payment.fee["amount_minor"])
        drafts.append(Draft(Kind.FEE, payment.fee["transaction"], at, payment.fee["currency"], cost, charge=charge))
    return drafts
