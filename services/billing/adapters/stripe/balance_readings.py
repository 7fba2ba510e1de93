"""Reads Stripe's JSON of what moves on our balance: disputes, refunds, credit notes, balance transactions."""

from collections.abc import Iterable

from services.billing.adapters.stripe.json_object import JsonObject, moment, unreadable
from services.billing.domain.facts import CreditNoteFact, DisputeFact, Movement, RefundFact


def read_dispute(raw: object) -> DisputeFact:
    """A dispute."""
    dispute = JsonObject(raw, "dispute")
    charge = dispute.reference("charge")
    if charge is None:
        raise unreadable("dispute.charge")
    return DisputeFact(
        reference=charge,
        payment_intent_id=dispute.reference("payment_intent"),
        status=dispute.text("status")[:40],
        reason=(dispute.optional("reason") or "unknown")[:60],
        amount_minor=dispute.integer("amount"),
        currency=dispute.currency(),
        stripe_dispute_id=dispute.text("id"),
        created_at=dispute.moment("created"),
        movements=read_movements(dispute.children("balance_transactions")),
    )


def read_movements(transactions: Iterable[JsonObject]) -> tuple[Movement, ...]:
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
    refund = JsonObject(raw, "refund")
    charge = refund.reference("charge")
    if charge is None:
        raise unreadable("refund.charge")
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
    note = JsonObject(raw, "credit_note")
    invoice = note.reference("invoice")
    if invoice is None:
        raise unreadable("credit_note.invoice")
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
