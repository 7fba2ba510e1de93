"""Reads Stripe's JSON into facts. Only the fields our rules look at; whatever else an object holds is ignored.

In API release `endive` a subscription has its periods on its items, and an invoice names its subscription under
`parent.subscription_details` (https://docs.stripe.com/changelog).
"""

from collections.abc import Iterable
from datetime import datetime

from services.billing.adapters.stripe.balance_readings import read_movements
from services.billing.adapters.stripe.json_object import JsonObject, is_id, moment, unreadable
from services.billing.domain.facts import (
    CustomerDeletedFact,
    InvoiceFact,
    PaymentFact,
    SessionFact,
    SubscriptionFact,
)

# Stripe breaks nothing within a named release (https://docs.stripe.com/api/versioning).
API_RELEASE = "endive"
_INVOICE_STATUSES = frozenset({"draft", "open", "uncollectible", "void", "paid"})


def read_session(raw: object) -> SessionFact:
    """A Checkout Session."""
    session = JsonObject(raw, "session")
    reference = session.optional("client_reference_id")
    hint = reference if reference and is_id("chk", reference) else session.hint("checkout_id", "chk")
    return SessionFact(
        session_id=session.text("id"),
        status=session.text("status"),
        payment_status=session.text("payment_status"),
        amount_minor=session.integer("amount_total"),
        currency=session.currency(),
        customer_id=session.reference("customer"),
        subscription_id=session.reference("subscription"),
        checkout_hint=hint,
        paid_at=session.child("invoice").child("status_transitions").moment("paid_at"),
    )


def read_invoice(raw: object) -> InvoiceFact:
    """An invoice."""
    invoice = JsonObject(raw, "invoice")
    status = invoice.text("status")
    if status not in _INVOICE_STATUSES:
        raise unreadable("invoice.status")
    details = invoice.child("parent").child("subscription_details")
    return InvoiceFact(
        stripe_invoice_id=invoice.text("id"),
        customer_id=invoice.reference("customer"),
        status=status,
        reason=invoice.optional("billing_reason"),
        number=invoice.optional("number"),
        total_minor=invoice.integer("total"),
        amount_paid_minor=invoice.integer("amount_paid"),
        currency=invoice.currency(),
        attempts=invoice.count("attempt_count"),
        subscription_id=details.reference("subscription"),
        order_hint=details.hint("order_id", "ord") or invoice.hint("order_id", "ord"),
        created_at=moment(invoice.integer("created")),
        paid_at=invoice.child("status_transitions").moment("paid_at"),
        hosted_invoice_url=invoice.optional("hosted_invoice_url"),
        pdf_url=invoice.optional("invoice_pdf"),
        group_hint=details.hint("group_id", "grp"),
        period_end=_latest(line.child("period").moment("end") for line in invoice.child("lines").children("data")),
        balance_applied_minor=_balance_applied(invoice),
        finalized_at=invoice.child("status_transitions").moment("finalized_at"),
        voided_at=invoice.child("status_transitions").moment("voided_at"),
    )


def _balance_applied(invoice: JsonObject) -> int:
    # https://docs.stripe.com/api/invoices/object#invoice_object-ending_balance: a credit is a negative balance, and the
    # balance after an invoice is known once it is finalized.
    before, after = invoice.known_integer("starting_balance"), invoice.known_integer("ending_balance")
    return after - before if before is not None and after is not None else 0


def read_subscription(raw: object) -> SubscriptionFact:
    """A subscription."""
    subscription = JsonObject(raw, "subscription")
    items = subscription.child("items").children("data")
    moved = subscription.child("metadata").optional("rescheduled_to")
    return SubscriptionFact(
        stripe_subscription_id=subscription.text("id"),
        customer_id=subscription.reference("customer"),
        status=subscription.text("status"),
        period_end=_latest(item.moment("current_period_end") for item in items),
        cancel_at_period_end=subscription.flag("cancel_at_period_end"),
        order_hint=subscription.hint("order_id", "ord"),
        group_hint=subscription.hint("group_id", "grp"),
        ends_at=subscription.moment("ended_at") or subscription.moment("cancel_at"),
        units=tuple(
            (item.optional("id") or "", item.child("price").optional("id") or "", item.count("quantity"))
            for item in items
        ),
        rescheduled_to=moment(int(moved)) if moved is not None and moved.isdecimal() else None,
    )


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def read_failed_intent(raw: object, created: datetime) -> PaymentFact:
    """A payment intent whose last attempt failed at `created`; an attempt without a charge is named by that moment."""
    intent = JsonObject(raw, "payment_intent")
    error = intent.child("last_payment_error")
    identity = intent.text("id")
    return PaymentFact(
        reference=error.reference("charge") or f"{identity}:{int(created.timestamp())}",
        payment_intent_id=identity,
        customer_id=intent.reference("customer"),
        status="failed",
        amount_minor=intent.integer("amount"),
        currency=intent.currency(),
        refunded_minor=0,
        failure_code=error.optional("decline_code") or error.optional("code"),
        order_hint=intent.hint("order_id", "ord"),
        order_reference=intent.child("payment_details").optional("order_reference"),
        made_at=created,
    )


def read_succeeded_intent(raw: object) -> PaymentFact | None:
    """A payment intent that took its money: of what Stripe sends of a payment, it alone names the checkout's session.

    None for one without a charge, which moved no money.
    """
    intent = JsonObject(raw, "payment_intent")
    charge = intent.reference("latest_charge")
    if charge is None:
        return None
    return PaymentFact(
        reference=charge,
        payment_intent_id=intent.text("id"),
        customer_id=intent.reference("customer"),
        status="succeeded",
        amount_minor=intent.integer("amount_received"),
        currency=intent.currency(),
        refunded_minor=0,
        failure_code=None,
        order_hint=intent.hint("order_id", "ord"),
        order_reference=intent.child("payment_details").optional("order_reference"),
    )


def read_charge(raw: object) -> PaymentFact:
    """A charge: succeeded, failed or pending, with what was refunded of it."""
    charge = JsonObject(raw, "charge")
    failed = charge.text("status") == "failed"
    return PaymentFact(
        reference=charge.text("id"),
        payment_intent_id=charge.reference("payment_intent"),
        customer_id=charge.reference("customer"),
        status=charge.text("status"),
        amount_minor=charge.integer("amount"),
        currency=charge.currency(),
        refunded_minor=charge.count("amount_refunded"),
        failure_code=(charge.child("outcome").optional("reason") or charge.optional("failure_code"))
        if failed
        else None,
        order_hint=charge.hint("order_id", "ord"),
        order_reference=charge.child("payment_details").optional("order_reference"),
        made_at=charge.moment("created"),
        cost=next(iter(read_movements([charge.child("balance_transaction")])), None),
    )


def read_deleted_customer(raw: object) -> CustomerDeletedFact:
    """A customer that was deleted."""
    return CustomerDeletedFact(JsonObject(raw, "customer").text("id"))
