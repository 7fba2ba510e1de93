"""Credit notes: what is taken back of an invoice, and where it went."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.billing.domain.base import Base
from services.billing.domain.facts import CreditNoteFact, Stamp
from services.billing.domain.ledger import Account, Draft, Kind
from services.billing.domain.mirrored import OTHER, Snapshot, followed
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import new_id

_STATES = ("issued", "void")
CREDIT_NOTE = followed("credit note", _STATES)


class CreditNoteHistory(History, Base):
    """What happened to a credit note."""

    __tablename__ = "credit_note_history"

    credit_note_id: Mapped[str] = mapped_column(
        PrefixedId("crn"), ForeignKey("billing.credit_notes.id", ondelete="CASCADE"), index=True
    )


class CreditNote(Snapshot, Stateful, Base):
    """A credit note as it stands at Stripe. Its amounts never change."""

    __tablename__ = "credit_notes"
    __table_args__ = (status_check(CREDIT_NOTE),)

    lifecycle = CREDIT_NOTE
    history_model = CreditNoteHistory
    history: WriteOnlyMapped[CreditNoteHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    ranks = (OTHER, *_STATES)

    id: Mapped[str] = mapped_column(PrefixedId("crn"), primary_key=True)
    stripe_credit_note_id: Mapped[str] = mapped_column(String(255), unique=True)
    stripe_invoice_id: Mapped[str] = mapped_column(String(255), index=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"), index=True)
    number: Mapped[str | None] = mapped_column(String(60), default=None)
    reason: Mapped[str | None] = mapped_column(String(60), default=None)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    before_payment_minor: Mapped[int] = mapped_column(BigInteger)
    refunded_minor: Mapped[int] = mapped_column(BigInteger)
    out_of_band_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(Instant)
    voided_at: Mapped[datetime | None] = mapped_column(Instant, default=None)

    @classmethod
    def begin(cls, fact: CreditNoteFact, account_id: str) -> "CreditNote":
        """A credit note we hear of for the first time."""
        note = cls(
            id=new_id("crn"),
            stripe_credit_note_id=fact.stripe_credit_note_id,
            stripe_invoice_id=fact.stripe_invoice_id,
            account_id=account_id,
            number=fact.number,
            reason=fact.reason,
            amount_minor=fact.amount_minor,
            before_payment_minor=fact.before_payment_minor,
            refunded_minor=fact.refunded_minor,
            out_of_band_minor=fact.out_of_band_minor,
            currency=fact.currency,
            created_at=fact.created_at,
            stripe_status=_STATES[0],
            as_of=fact.created_at,
            as_of_order=-1,
        )
        note._begin(at=fact.created_at, by="stripe", reason=fact.reason)
        return note

    def mirror(self, fact: CreditNoteFact, stamp: Stamp) -> bool:
        """Shows this snapshot unless a newer one is shown already. True when the status changed."""
        if fact.status == "void":
            self.voided_at = self.voided_at or fact.voided_at or stamp.created
        state = fact.status if fact.status in _STATES else OTHER
        if not self.is_newer(fact.status, state, stamp):
            return False
        return self._move(state, at=stamp.created, by="stripe", detail={"status": fact.status})


def credit_note_drafts(note: CreditNote) -> list[Draft]:
    """Revenue goes down; what went off the open invoice is owed no more, what was given back was booked as a refund
    (outside Stripe: is treated as one), and the rest is the customer's credit."""
    to_balance = note.amount_minor - note.before_payment_minor - note.refunded_minor - note.out_of_band_minor
    amounts = {
        Account.REVENUE: note.amount_minor,
        Account.RECEIVABLES: -note.before_payment_minor,
        Account.REFUNDS: -(note.refunded_minor + note.out_of_band_minor),
        Account.CUSTOMER_CREDIT: -to_balance,
    }
    names = {
        "stripe_id": note.stripe_credit_note_id,
        "currency": note.currency,
        "invoice": note.stripe_invoice_id,
    }
    drafts = [Draft(Kind.CREDIT_NOTE, at=note.created_at, amounts=amounts, **names)]
    if note.voided_at is not None:
        undone = {account: -amount for account, amount in amounts.items()}
        drafts.append(Draft(Kind.CREDIT_NOTE_VOIDED, at=note.voided_at, amounts=undone, **names))
    return drafts
