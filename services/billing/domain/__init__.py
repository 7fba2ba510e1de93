"""Rules and lifecycles of billing; no session, no network, no clock of its own."""

from services.billing.domain.base import SCHEMA, Base
from services.billing.domain.checkout import (
    CHECKOUT,
    Checkout,
    CheckoutHistory,
    CheckoutLine,
    ClosedOrder,
    Proof,
    Settlement,
)
from services.billing.domain.invoice import Invoice
from services.billing.domain.payer import FormerCustomer, Payer
from services.billing.domain.payment import Payment, words_for
from services.billing.domain.payment_group import PaymentGroup, PaymentGroupItem, PaymentGroupUnit
from services.billing.domain.plan import Plan, Price
from services.billing.domain.stripe_event import StripeEvent, event_queue
from services.billing.domain.stripe_task import StripeTask, task_queue
from services.billing.domain.subscription import Subscription
from services.billing.domain.sweep import Sweep

__all__ = [
    "CHECKOUT",
    "SCHEMA",
    "Base",
    "Checkout",
    "CheckoutHistory",
    "CheckoutLine",
    "ClosedOrder",
    "FormerCustomer",
    "Invoice",
    "Payer",
    "Payment",
    "PaymentGroup",
    "PaymentGroupItem",
    "PaymentGroupUnit",
    "Plan",
    "Price",
    "Proof",
    "Settlement",
    "StripeEvent",
    "StripeTask",
    "Subscription",
    "Sweep",
    "event_queue",
    "task_queue",
    "words_for",
]
