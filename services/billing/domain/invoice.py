"""Stripe's invoices, mirrored: the newest snapshot wins, whatever order the snapshots arrive in."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.base import Base
from services.billing.domain.facts import InvoiceFact, Stamp
from services.billing.domain.ledger import Account, Draft, Kind, transfer
from shared.database import Instant, PrefixedId

# In the order in which Stripe moves an invoice (https://docs.stripe.com/invoicing/overview#invoice-statuses).
# Events of one second carry the same `created`, so this order decides between them.
STATUSES = ("draft", "open", "uncollectible", "void", "paid")
_RANK = {status: rank for rank, status in enumerate(STATUSES)}


class Invoice(Base):
    """A mirrored invoice. `as_of` and `as_of_order` say which snapshot it shows.

    group_id: the group whose period it bills; None for one that bills a whole order.
    """

    __tablename__ = "invoices"
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'open', 'uncollectible', 'void', 'paid')", name="status"),
        Index("ix_invoices_account_id", "account_id", "id"),
        Index("ix_invoices_paid_at", "paid_at", postgresql_where=text("status = 'paid'")),
    )

    id: Mapped[str] = mapped_column(PrefixedId("inv"), primary_key=True)
    stripe_invoice_id: Mapped[str] = mapped_column(String(255), unique=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    order_id: Mapped[str | None] = mapped_column(PrefixedId("ord"), default=None, index=True)
    group_id: Mapped[str | None] = mapped_column(PrefixedId("grp"), default=None)
    stripe_subscription_id: Mapped[str | None] = mapped_column(String(255), default=None)
    number: Mapped[str | None] = mapped_column(String(100), default=None)
    status: Mapped[str] = mapped_column(String(20), default="draft")
    total_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    amount_paid_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    currency: Mapped[str] = mapped_column(String(3))
    hosted_invoice_url: Mapped[str | None] = mapped_column(String(2048), default=None)
    pdf_url: Mapped[str | None] = mapped_column(String(2048), default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)
    paid_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    # During an upgrade the version before still adds rows, and knows nothing of this column.
    balance_applied_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    finalized_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    voided_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    as_of: Mapped[datetime] = mapped_column(Instant)
    as_of_order: Mapped[int] = mapped_column(Integer, default=-1)

    def mirror(self, fact: InvoiceFact, stamp: Stamp) -> bool:
        """Shows this snapshot unless a newer one is shown already. True when the invoice thereby became paid."""
        order = _RANK[fact.status] * 1000 + min(fact.attempts, 999)
        was_paid, is_paid = self.status == "paid", fact.status == "paid"
        if (is_paid, stamp.created, order) <= (was_paid, self.as_of, self.as_of_order):
            return False
        self.status = fact.status
        self.number = fact.number
        self.total_minor = fact.total_minor
        self.amount_paid_minor = fact.amount_paid_minor
        self.hosted_invoice_url = fact.hosted_invoice_url
        self.pdf_url = fact.pdf_url
        self.paid_at = fact.paid_at
        self.balance_applied_minor = fact.balance_applied_minor
        self.finalized_at = fact.finalized_at
        self.voided_at = fact.voided_at
        self.as_of = stamp.created
        self.as_of_order = order
        return is_paid and not was_paid


def invoice_drafts(invoice: Invoice) -> list[Draft]:
    """An invoice is owed once it is final; the customer's balance and its payment settle it; a void one was never owed.

    A draft moves nothing: Stripe may still change or drop it.
    """
    if invoice.status == "draft":
        return []
    final_at = invoice.finalized_at or invoice.created_at
    owed = transfer(Account.RECEIVABLES, Account.REVENUE, invoice.total_minor)
    applied = transfer(Account.CUSTOMER_CREDIT, Account.RECEIVABLES, invoice.balance_applied_minor)
    drafts = [
        _draft(invoice, Kind.INVOICE, final_at, owed),
        _draft(invoice, Kind.BALANCE_APPLIED, final_at, applied),
    ]
    if invoice.status == "paid":
        paid = transfer(Account.CUSTOMER_CREDIT, Account.RECEIVABLES, invoice.amount_paid_minor)
        drafts.append(_draft(invoice, Kind.INVOICE_PAID, invoice.paid_at or final_at, paid))
    if invoice.status == "void":
        undone = {
            Account.REVENUE: invoice.total_minor,
            Account.RECEIVABLES: invoice.balance_applied_minor - invoice.total_minor,
            Account.CUSTOMER_CREDIT: -invoice.balance_applied_minor,
        }
        drafts.append(_draft(invoice, Kind.INVOICE_VOIDED, invoice.voided_at or final_at, undone))
    return drafts


def _draft(invoice: Invoice, kind: Kind, at: datetime, amounts: dict[Account, int]) -> Draft:
    stripe_id = invoice.stripe_invoice_id
    return Draft(kind, stripe_id, at, invoice.currency, amounts, invoice=stripe_id)
