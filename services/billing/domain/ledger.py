"""The ledger: what moved, as entries whose postings sum to zero. Written once and never changed.

Positive amounts are debits, negative ones credits, in minor units of the currency the payer paid in. An entry stands
for one fact of Stripe, named by its kind and the id of Stripe's object, so that telling the fact again adds nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.billing.domain.base import Base
from shared.database import Instant, PrefixedId


class Account(StrEnum):
    """What an amount is moved from or to."""

    CLEARING = "stripe_clearing"  # an asset: our balance at Stripe
    RECEIVABLES = "receivables"  # an asset: invoices that are not paid
    CUSTOMER_CREDIT = "customer_credit"  # a debt: money of customers that no invoice has used yet
    REVENUE = "revenue"  # income: what was invoiced
    REFUNDS = "refunds"  # takes from income: given back
    DISPUTES = "disputes"  # takes from income: withdrawn by the payer's bank
    FEES = "fees"  # an expense: what Stripe keeps


class Kind(StrEnum):
    """Which fact of Stripe an entry stands for."""

    CAPTURE = "capture"
    FEE = "fee"
    INVOICE = "invoice"
    INVOICE_PAID = "invoice_paid"
    INVOICE_VOIDED = "invoice_voided"
    BALANCE_APPLIED = "balance_applied"
    REFUND = "refund"
    REFUND_RETURNED = "refund_returned"
    DISPUTE = "dispute"
    DISPUTE_REINSTATED = "dispute_reinstated"
    CREDIT_NOTE = "credit_note"
    CREDIT_NOTE_VOIDED = "credit_note_voided"


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that is to be written, unless it was before. Raises ValueError when its amounts do not sum to zero.

    charge, invoice: Stripe's id of the charge or the invoice it is about; they lead to the order.
    """

    kind: Kind
    stripe_id: str
    at: datetime
    currency: str
    amounts: Mapping[Account, int]
    charge: str | None = None
    invoice: str | None = None

    def __post_init__(self) -> None:
        if sum(self.amounts.values()) != 0:
            raise ValueError(f"{self.kind} {self.stripe_id} does not balance: {dict(self.amounts)}")

    @property
    def moves(self) -> dict[Account, int]:
        """The amounts that are not zero; a draft without any is not written."""
        return {account: amount for account, amount in self.amounts.items() if amount}


def transfer(debit: Account, credit: Account, amount: int) -> dict[Account, int]:
    """`amount` onto the debit side of one account and the credit side of another."""
    return {debit: amount, credit: -amount}


class Posting(Base):
    """One amount of an entry."""

    __tablename__ = "postings"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="amount_minor"),
        CheckConstraint(f"account IN ({', '.join(repr(str(account)) for account in Account)})", name="account"),
        # The balances are read from the index alone.
        Index("ix_postings_balance", "account", "currency", postgresql_include=["amount_minor"]),
    )

    entry_id: Mapped[str] = mapped_column(PrefixedId("led"), ForeignKey("billing.entries.id"), primary_key=True)
    account: Mapped[str] = mapped_column(String(20), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)


class Entry(Base):
    """One entry, as it was written. `at` is when it happened at Stripe."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("kind", "stripe_id", name="uq_entries_fact"),
        Index("ix_entries_kind_at", "kind", "at"),
        Index("ix_entries_charge", "charge", postgresql_where=text("charge IS NOT NULL")),
        Index("ix_entries_invoice", "invoice", postgresql_where=text("invoice IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(PrefixedId("led"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    stripe_id: Mapped[str] = mapped_column(String(255))
    at: Mapped[datetime] = mapped_column(Instant)
    charge: Mapped[str | None] = mapped_column(String(255), default=None)
    invoice: Mapped[str | None] = mapped_column(String(255), default=None)
    postings: Mapped[list[Posting]] = relationship(order_by=Posting.account, viewonly=True)


class Backfill(Base):
    """How far an installation that is older than its ledger has booked what it held before, per kind of row."""

    __tablename__ = "ledger_backfill"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    after_key: Mapped[str] = mapped_column(String(255), default="")
    done_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
