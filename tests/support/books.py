"""Mirrors and ledger as billing's use cases keep them, without a database, and Stripe's facts to tell them."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from services.billing.domain import (
    CreditNote,
    Dispute,
    Draft,
    Invoice,
    Kind,
    Payment,
    Refund,
    credit_note_drafts,
    dispute_drafts,
    invoice_drafts,
    payment_drafts,
    refund_drafts,
)
from services.billing.domain.facts import (
    CreditNoteFact,
    DisputeFact,
    InvoiceFact,
    Movement,
    PaymentFact,
    RefundFact,
    Stamp,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
Told = tuple[Any, Stamp]


def stamp(second: int, kind: str) -> Stamp:
    return Stamp(f"evt_{second:04}", kind, START + timedelta(seconds=second))


def charge(status: str = "succeeded", refunded: int = 0) -> PaymentFact:
    cost = Movement("txn_charge", 2700, 104, "EUR", START)
    return PaymentFact(
        "ch_1", "pi_1", "cus_1", status, 2700, "EUR", refunded, None, None, None, made_at=START, cost=cost
    )


def invoice(status: str, *, applied: int = 0, total: int = 2700) -> InvoiceFact:
    paid = status == "paid"
    return InvoiceFact(
        stripe_invoice_id="in_1",
        customer_id="cus_1",
        status=status,
        reason="subscription_create",
        number=None,
        total_minor=total,
        amount_paid_minor=total - applied if paid else 0,
        currency="EUR",
        attempts=0,
        subscription_id="sub_1",
        order_hint=None,
        created_at=START,
        paid_at=START if paid else None,
        hosted_invoice_url=None,
        pdf_url=None,
        balance_applied_minor=0 if status == "draft" else applied,
        finalized_at=None if status == "draft" else START,
        voided_at=START if status == "void" else None,
    )


def refund(status: str, name: str = "re_1", amount: int = 700) -> RefundFact:
    return RefundFact(name, "ch_1", "cus_1", status, amount, "EUR", None, None, START)


def dispute(status: str, *movements: Movement) -> DisputeFact:
    return DisputeFact("ch_1", "pi_1", status, "fraudulent", 2000, "EUR", "dp_1", START, movements)


def note(status: str, **parts: int) -> CreditNoteFact:
    sums = {"amount_minor": 1000, "before_payment_minor": 0, "refunded_minor": 0, "out_of_band_minor": 0, **parts}
    voided_at = START if status == "void" else None
    return CreditNoteFact(
        "cn_1", "in_1", "cus_1", status, None, None, currency="EUR", created_at=START, voided_at=voided_at, **sums
    )


TAKEN = Movement("txn_taken", -2000, 1500, "EUR", START + timedelta(seconds=40))
GIVEN = Movement("txn_given", 2000, 0, "EUR", START + timedelta(seconds=90))


class Books:
    """The mirrors and the ledger, as the use cases keep them, without a database."""

    def __init__(self) -> None:
        self.entries: dict[tuple[Kind, str], Draft] = {}
        self.rows: dict[str, Any] = {}

    def hear(self, told: Iterable[Told]) -> "Books":
        for fact, at in told:
            self._mirror(fact, at)
            for draft in self._drafts():
                if draft.moves:
                    self.entries.setdefault((draft.kind, draft.stripe_id), draft)
        return self

    def _mirror(self, fact: Any, at: Stamp) -> None:
        match fact:
            case PaymentFact():
                empty = Payment(reference="ch_1", status="pending", currency="EUR", as_of=START, amount_minor=0)
                row = self.rows.setdefault("payment", empty)
                row.account_id, row.refunded_minor = "acc", row.refunded_minor or 0
            case InvoiceFact():
                empty_invoice = Invoice(stripe_invoice_id="in_1", status="draft", currency="EUR", as_of=START)
                empty_invoice.as_of_order, empty_invoice.created_at = -1, START
                row = self.rows.setdefault("invoice", empty_invoice)
            case RefundFact():
                row = self.rows.setdefault(fact.stripe_refund_id, Refund.begin(fact, at))
            case DisputeFact():
                row = self.rows.setdefault("dispute", Dispute.begin(fact, at))
            case CreditNoteFact():
                row = self.rows.setdefault("note", CreditNote.begin(fact, "acc"))
        row.mirror(fact, at)

    def _drafts(self) -> list[Draft]:
        drafts: list[Draft] = []
        for row in self.rows.values():
            match row:
                case Payment():
                    drafts += payment_drafts(row)
                case Invoice():
                    drafts += invoice_drafts(row)
                case CreditNote():
                    drafts += credit_note_drafts(row)
        # A refund or dispute is in our books once its charge is known to be ours.
        if "payment" in self.rows:
            for row in self.rows.values():
                if isinstance(row, Refund):
                    drafts += refund_drafts(row, None)
                elif isinstance(row, Dispute):
                    drafts += dispute_drafts(row, None)
        return drafts

    def balances(self) -> dict[str, int]:
        sums: Counter[str] = Counter()
        for draft in self.entries.values():
            for account, amount in draft.moves.items():
                sums[account] += amount
        return {account: amount for account, amount in sums.items() if amount}
