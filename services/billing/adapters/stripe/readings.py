"""Reads Stripe's JSON into facts. Only the fields our rules look at; whatever else an object holds is ignored.

In API release `endive` a subscription has its periods on its items, and an invoice names its subscription under
`parent.subscription_details` (https://docs.stripe.com/changelog).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from services.billing.domain.facts import (
    CreditNoteFact,
    DisputeFact,
    InvoiceFact,
    Movement,
    PaymentFact,
    RefundFact,
    SessionFact,
    SubscriptionFact,
)
from shared.database import FailureClass, HandlingFailed
from shared.kernel import decode_id

# Stripe breaks nothing within a named release (https://docs.stripe.com/api/versioning).
API_RELEASE = "endive"
# Far beyond any amount Stripe accepts, and within what a bigint column holds.
_LARGEST = 10**15
_INVOICE_STATUSES = frozenset({"draft", "open", "uncollectible", "void", "paid"})


class _Object:
    """A JSON object read with care: a field of another type than expected is a permanent failure with its name."""

    def __init__(self, raw: object, where: str) -> None:
        if not isinstance(raw, Mapping):
            raise _unreadable(where)
        self._raw = raw
        self._where = where

    def text(self, name: str) -> str:
        value = self._raw.get(name)
        if not isinstance(value, str) or not value:
            raise _unreadable(f"{self._where}.{name}")
        return value

    def optional(self, name: str) -> str | None:
        value = self._raw.get(name)
        return value if isinstance(value, str) and value else None

    def reference(self, name: str) -> str | None:
        """An id, whether the object it names was expanded or not."""
        value = self._raw.get(name)
        if isinstance(value, Mapping):
            value = value.get("id")
        return value if isinstance(value, str) and value else None

    def integer(self, name: str) -> int:
        value = self._raw.get(name)
        if type(value) is not int or abs(value) > _LARGEST:
            raise _unreadable(f"{self._where}.{name}")
        return value

    def known_integer(self, name: str) -> int | None:
        value = self._raw.get(name)
        return value if type(value) is int and abs(value) <= _LARGEST else None

    def count(self, name: str) -> int:
        value = self._raw.get(name)
        return value if type(value) is int and 0 <= value <= _LARGEST else 0

    def moment(self, name: str) -> datetime | None:
        value = self._raw.get(name)
        return moment(value) if type(value) is int else None

    def child(self, name: str) -> "_Object":
        value = self._raw.get(name)
        return _Object(value if isinstance(value, Mapping) else {}, f"{self._where}.{name}")

    def children(self, name: str) -> list["_Object"]:
        value = self._raw.get(name)
        return [_Object(item, f"{self._where}.{name}") for item in value] if isinstance(value, list) else []

    def flag(self, name: str) -> bool:
        return self._raw.get(name) is True

    def currency(self) -> str:
        code = self.text("currency").upper()
        if len(code) != 3 or not code.isascii() or not code.isalpha():
            raise _unreadable(f"{self._where}.currency")
        return code

    def hint(self, name: str, prefix: str) -> str | None:
        """One of our ids from the metadata, if a well-formed one is there."""
        value = self.child("metadata").optional(name)
        return value if value is not None and is_id(prefix, value) else None


def _unreadable(where: str) -> HandlingFailed:
    return HandlingFailed(f"unreadable: {where}", FailureClass.PERMANENT)


def is_id(prefix: str, value: str) -> bool:
    """Whether `value` is a well-formed id of ours of this kind."""
    try:
        decode_id(prefix, value)
    except ValueError:
        return False
    return True


def moment(seconds: int) -> datetime:
    """A Unix time as a moment. Raises HandlingFailed for one no calendar holds."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _unreadable("time") from error


def read_session(raw: object) -> SessionFact:
    """A Checkout Session."""
    session = _Object(raw, "session")
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
    )


def read_invoice(raw: object) -> InvoiceFact:
    """An invoice."""
    invoice = _Object(raw, "invoice")
    status = invoice.text("status")
    if status not in _INVOICE_STATUSES:
        raise _unreadable("invoice.status")
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
        balance_applied_minor=_balance_applied(invoice),
        finalized_at=invoice.child("status_transitions").moment("finalized_at"),
        voided_at=invoice.child("status_transitions").moment("voided_at"),
    )


def _balance_applied(invoice: _Object) -> int:
    # https://docs.stripe.com/api/invoices/object#invoice_object-ending_balance: a credit is a negative balance, and the
    # balance after an invoice is known once it is finalized.
    before, after = invoice.known_integer("starting_balance"), invoice.known_integer("ending_balance")
    return after - before if before is not None and after is not None else 0


def read_subscription(raw: object) -> SubscriptionFact:
    """A subscription."""
    subscription = _Object(raw, "subscription")
    ends = [item.moment("current_period_end") for item in subscription.child("items").children("data")]
    known = [end for end in ends if end is not None]
    return SubscriptionFact(
        stripe_subscription_id=subscription.text("id"),
        customer_id=subscription.reference("customer"),
        status=subscription.text("status"),
        period_end=max(known, default=None),
        cancel_at_period_end=subscription.flag("cancel_at_period_end"),
        order_hint=subscription.hint("order_id", "ord"),
    )


def read_failed_intent(raw: object, created: datetime) -> PaymentFact:
    """A payment intent whose last attempt failed at `created`; an attempt without a charge is named by that moment."""
    intent = _Object(raw, "payment_intent")
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
    )


def read_succeeded_intent(raw: object) -> PaymentFact | None:
    """A payment intent that took its money: of what Stripe sends of a payment, it alone names the checkout's session.

    None for one without a charge, which moved no money.
    """
    intent = _Object(raw, "payment_intent")
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
    charge = _Object(raw, "charge")
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
        cost=next(iter(_movements([charge.child("balance_transaction")])), None),
    )


def read_dispute(raw: object) -> DisputeFact:
    """A dispute."""
    dispute = _Object(raw, "dispute")
    charge = dispute.reference("charge")
    if charge is None:
        raise _unreadable("dispute.charge")
    return DisputeFact(
        reference=charge,
        payment_intent_id=dispute.reference("payment_intent"),
        status=dispute.text("status")[:40],
        reason=(dispute.optional("reason") or "unknown")[:60],
        amount_minor=dispute.integer("amount"),
        currency=dispute.currency(),
        stripe_dispute_id=dispute.text("id"),
        created_at=dispute.moment("created"),
        movements=_movements(dispute.children("balance_transactions")),
    )


def _movements(transactions: Iterable[_Object]) -> tuple[Movement, ...]:
    """The balance transactions among `transactions`; one that was not expanded is an id, and says nothing."""
    return tuple(
        Movement(
            id=transaction.text("id"),
            amount_minor=transaction.integer("amount"),
            fee_minor=transaction.integer("fee"),
            currency=transaction.currency(),
            at=moment(transaction.integer("created")),
        )
        for transaction in transactions
        if transaction.optional("id") is not None
    )


def read_refund(raw: object) -> RefundFact:
    """A refund."""
    refund = _Object(raw, "refund")
    charge = refund.reference("charge")
    if charge is None:
        raise _unreadable("refund.charge")
    return RefundFact(
        stripe_refund_id=refund.text("id"),
        reference=charge,
        customer_id=refund.reference("customer"),
        status=(refund.optional("status") or "unknown")[:40],
        amount_minor=refund.integer("amount"),
        currency=refund.currency(),
        reason=_short(refund.optional("reason")),
        failure_reason=_short(refund.optional("failure_reason")),
        created_at=refund.moment("created"),
    )


def read_credit_note(raw: object) -> CreditNoteFact:
    """A credit note."""
    note = _Object(raw, "credit_note")
    invoice = note.reference("invoice")
    if invoice is None:
        raise _unreadable("credit_note.invoice")
    return CreditNoteFact(
        stripe_credit_note_id=note.text("id"),
        stripe_invoice_id=invoice,
        customer_id=note.reference("customer"),
        status=note.text("status")[:40],
        number=_short(note.optional("number")),
        reason=_short(note.optional("reason")),
        amount_minor=note.integer("amount"),
        before_payment_minor=note.integer("pre_payment_amount"),
        refunded_minor=sum(refund.integer("amount_refunded") for refund in note.children("refunds")),
        out_of_band_minor=note.count("out_of_band_amount"),
        currency=note.currency(),
        created_at=moment(note.integer("created")),
        voided_at=note.moment("voided_at"),
    )


def _short(text: str | None) -> str | None:
    return text[:60] if text is not None else None
