"""What Stripe says, in our words: the few fields of its objects that our rules look at.

Currencies are upper case here, amounts integer minor units, moments aware. A `hint` comes from metadata: it helps to
find our row and proves nothing; the row's own Stripe ids must agree.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which event told us, of which kind, and when Stripe made it (whole seconds)."""

    event_id: str
    type: str
    created: datetime


@dataclass(frozen=True, slots=True)
class SessionFact:
    """A Checkout Session.

    status: open, complete or expired. payment_status: paid, unpaid or no_payment_required.
    paid_at: when it was paid, where Stripe says so.
    """

    session_id: str
    status: str
    payment_status: str
    amount_minor: int
    currency: str
    customer_id: str | None
    subscription_id: str | None
    checkout_hint: str | None
    paid_at: datetime | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be paid on a completed session."""
        return self.status == "complete" and self.payment_status in ("paid", "no_payment_required")


@dataclass(frozen=True, slots=True)
class InvoiceFact:
    """An invoice as it stood when the event was made. `reason` is Stripe's billing_reason.

    period_end: until when its lines pay. balance_applied_minor: what the customer's balance at Stripe paid of it;
    negative when the invoice left something on that balance.
    """

    stripe_invoice_id: str
    customer_id: str | None
    status: str
    reason: str | None
    number: str | None
    total_minor: int
    amount_paid_minor: int
    currency: str
    attempts: int
    subscription_id: str | None
    order_hint: str | None
    created_at: datetime
    paid_at: datetime | None
    hosted_invoice_url: str | None
    pdf_url: str | None
    group_hint: str | None = None
    period_end: datetime | None = None
    balance_applied_minor: int = 0
    finalized_at: datetime | None = None
    voided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionFact:
    """A subscription as it stood when the event was made. `period_end` is the latest end among its items.

    ends_at: when it ended or is planned to end; a plan may stand in `cancel_at` alone. units: (Stripe's item, Stripe's
    price, quantity). rescheduled_to: what our own move of its next charge noted on it.
    """

    stripe_subscription_id: str
    customer_id: str | None
    status: str
    period_end: datetime | None
    cancel_at_period_end: bool
    order_hint: str | None
    group_hint: str | None = None
    ends_at: datetime | None = None
    units: tuple[tuple[str, str, int], ...] = ()
    rescheduled_to: datetime | None = None

    @property
    def subscription_id(self) -> str:
        """The subscription itself, under the name by which invoices refer to it."""
        return self.stripe_subscription_id


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """One attempt to move money.

    reference: the charge's id; for an attempt that never became a charge, one made from the payment intent's id.
    order_reference: what Checkout wrote on the payment, the session's id or its beginning.
    failure_code: Stripe's decline code or error code, None when the attempt succeeded. made_at: when it was made.
    cost: what Stripe took for it, where the charge was read with its balance transaction.
    """

    reference: str
    payment_intent_id: str | None
    customer_id: str | None
    status: str
    amount_minor: int
    currency: str
    refunded_minor: int
    failure_code: str | None
    order_hint: str | None
    order_reference: str | None
    made_at: datetime | None = None
    cost: "Movement | None" = None


@dataclass(frozen=True, slots=True)
class Movement:
    """What moved on our balance at Stripe (a balance transaction), in our settlement currency, and what Stripe took."""

    id: str
    amount_minor: int
    fee_minor: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RefundFact:
    """A refund. reference: the charge's id. `status` is Stripe's, e.g. pending, succeeded, failed."""

    stripe_refund_id: str
    reference: str
    customer_id: str | None
    status: str
    amount_minor: int
    currency: str
    reason: str | None
    failure_reason: str | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class CreditNoteFact:
    """What is taken back of an invoice's amount. It went off the open invoice (before_payment_minor), was given back
    (refunded_minor; outside Stripe: out_of_band_minor), and the rest onto the customer's balance."""

    stripe_credit_note_id: str
    stripe_invoice_id: str
    customer_id: str | None
    status: str
    number: str | None
    reason: str | None
    amount_minor: int
    before_payment_minor: int
    refunded_minor: int
    out_of_band_minor: int
    currency: str
    created_at: datetime
    voided_at: datetime | None


@dataclass(frozen=True, slots=True)
class CustomerDeletedFact:
    """A customer was deleted, and every subscription of theirs with them."""

    customer_id: str


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """A customer's bank takes a payment into doubt. `status` is Stripe's, e.g. needs_response, won, lost.

    reference: the charge's id. movements: what moved on our balance because of it so far.
    """

    reference: str
    payment_intent_id: str | None
    status: str
    reason: str
    amount_minor: int
    currency: str
    stripe_dispute_id: str
    created_at: datetime | None = None
    movements: tuple[Movement, ...] = ()
