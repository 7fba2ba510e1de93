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
from services.billing.domain.credit import CreditNote, credit_note_drafts
from services.billing.domain.dispute import Dispute, dispute_drafts
from services.billing.domain.invoice import Invoice, invoice_drafts
from services.billing.domain.ledger import Account, Backfill, Draft, Entry, Kind, Posting
from services.billing.domain.payer import FormerCustomer, Payer
from services.billing.domain.payment import Payment, payment_drafts, words_for
from services.billing.domain.payment_group import PaymentGroup, PaymentGroupItem, PaymentGroupUnit
from services.billing.domain.plan import Plan, Price
from services.billing.domain.refund import Refund, refund_drafts
from services.billing.domain.stripe_event import StripeEvent, event_queue
from services.billing.domain.stripe_task import StripeTask, task_queue
from services.billing.domain.subscription import Subscription
from services.billing.domain.sweep import Sweep

__all__ = [
    "CHECKOUT",
    "SCHEMA",
    "Account",
    "Backfill",
    "Base",
    "Checkout",
    "CheckoutHistory",
    "CheckoutLine",
    "ClosedOrder",
    "CreditNote",
    "Dispute",
    "Draft",
    "Entry",
    "FormerCustomer",
    "Invoice",
    "Kind",
    "Payer",
    "Payment",
    "PaymentGroup",
    "PaymentGroupItem",
    "PaymentGroupUnit",
    "Plan",
    "Posting",
    "Price",
    "Proof",
    "Refund",
    "Settlement",
    "StripeEvent",
    "StripeTask",
    "Subscription",
    "Sweep",
    "credit_note_drafts",
    "dispute_drafts",
    "event_queue",
    "invoice_drafts",
    "payment_drafts",
    "refund_drafts",
    "task_queue",
    "words_for",
]
