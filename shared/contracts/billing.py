"""Facts that billing publishes. It reports what Stripe says and decides nothing about services."""

from datetime import datetime

from shared.contracts.base import Event


class PriceSynced(Event, wire_type="billing.price.synced.v1", subject="price_id"):
    """Stripe knows this price of this plan version by these ids."""

    price_id: str
    plan_id: str
    plan_version: int
    stripe_product_id: str
    stripe_price_id: str


class CheckoutPaid(Event, wire_type="billing.checkout.paid.v1", subject="order_id"):
    """The money for an order arrived: amount, currency and customer are those of the order."""

    checkout_id: str
    order_id: str
    account_id: str
    amount_minor: int
    currency: str
    stripe_subscription_id: str | None = None
    item_ids: tuple[str, ...] = ()
    """The items of the order that this money pays; none means all (facts of versions before items were named)."""
    paid_at: datetime


class CheckoutExpired(Event, wire_type="billing.checkout.expired.v1", subject="order_id"):
    """The time to pay has run out; the hosted page accepts no payment any more."""

    checkout_id: str
    order_id: str
    account_id: str


class PaymentFailed(Event, wire_type="billing.payment.failed.v1", subject="order_id"):
    """An attempt to pay was refused. The order can still be paid. `message` may be shown to the customer."""

    order_id: str
    account_id: str
    code: str
    message: str
    failed_at: datetime


class PaymentMismatched(Event, wire_type="billing.payment.mismatched.v1", subject="order_id"):
    """Money arrived that does not match the order. A person must look before anything is delivered."""

    checkout_id: str
    order_id: str
    account_id: str
    reason: str
    expected_minor: int
    expected_currency: str
    received_minor: int
    received_currency: str


class ClockMoved(Event, wire_type="billing.clock.moved.v1", subject="account_id"):
    """Test mode only: the account's business time is from now on this far ahead of real time. It moves only forward."""

    account_id: str
    offset_seconds: int
    moved_at: datetime


class InvoicePaid(Event, wire_type="billing.invoice.paid.v1", subject="invoice_id"):
    """An invoice is settled in full."""

    invoice_id: str
    order_id: str | None
    account_id: str
    number: str
    amount_minor: int
    currency: str
    hosted_invoice_url: str | None
    item_ids: tuple[str, ...] = ()
    paid_at: datetime


class SubscriptionStarted(Event, wire_type="billing.subscription.started.v1", subject="subscription_id"):
    """Items of an order that renew together have a subscription; their first period is paid until `period_end`."""

    subscription_id: str
    order_id: str
    account_id: str
    item_ids: tuple[str, ...]
    interval: str
    period_end: datetime
    started_at: datetime


class SubscriptionRenewed(Event, wire_type="billing.subscription.renewed.v1", subject="subscription_id"):
    """A later period of these items is paid, once per period, until `period_end`."""

    subscription_id: str
    order_id: str
    account_id: str
    item_ids: tuple[str, ...]
    invoice_id: str
    amount_minor: int
    currency: str
    period_end: datetime
    paid_at: datetime


class SubscriptionRescheduled(Event, wire_type="billing.subscription.rescheduled.v1", subject="subscription_id"):
    """The next charge of these items was moved, because they were delivered late, say."""

    subscription_id: str
    order_id: str
    account_id: str
    item_ids: tuple[str, ...]
    period_end: datetime
    reason: str
    rescheduled_at: datetime


class SubscriptionPastDue(Event, wire_type="billing.subscription.past_due.v1", subject="subscription_id"):
    """A renewal of these items could not be charged. They run on; Stripe tries again."""

    subscription_id: str
    order_id: str
    account_id: str
    item_ids: tuple[str, ...]
    code: str
    message: str
    failed_at: datetime


class SubscriptionRecovered(Event, wire_type="billing.subscription.recovered.v1", subject="subscription_id"):
    """What was past due is paid."""

    subscription_id: str
    order_id: str
    account_id: str
    item_ids: tuple[str, ...]
    recovered_at: datetime


class SubscriptionEnded(Event, wire_type="billing.subscription.ended.v1", subject="subscription_id"):
    """Stripe charges these items no more. `reason` is Stripe's, in a word: canceled, unpaid, incomplete_expired."""

    subscription_id: str
    order_id: str
    account_id: str
    item_ids: tuple[str, ...]
    reason: str
    ended_at: datetime


class RefundSucceeded(Event, wire_type="billing.refund.succeeded.v1", subject="refund_id"):
    """Money went back to the payer."""

    refund_id: str
    order_id: str | None
    account_id: str
    item_ids: tuple[str, ...]
    amount_minor: int
    currency: str
    refunded_at: datetime


class DisputeOpened(Event, wire_type="billing.dispute.opened.v1", subject="dispute_id"):
    """A payer's bank takes a payment into doubt."""

    dispute_id: str
    order_id: str | None
    account_id: str
    item_ids: tuple[str, ...]
    amount_minor: int
    currency: str
    reason: str
    opened_at: datetime


class DisputeClosed(Event, wire_type="billing.dispute.closed.v1", subject="dispute_id"):
    """A dispute is decided. `outcome` is Stripe's word: won, lost, warning_closed."""

    dispute_id: str
    order_id: str | None
    account_id: str
    item_ids: tuple[str, ...]
    outcome: str
    closed_at: datetime
