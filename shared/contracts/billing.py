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
    stripe_subscription_id: str | None
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


class InvoicePaid(Event, wire_type="billing.invoice.paid.v1", subject="invoice_id"):
    """An invoice is settled in full."""

    invoice_id: str
    order_id: str | None
    account_id: str
    number: str
    amount_minor: int
    currency: str
    hosted_invoice_url: str | None
    paid_at: datetime
