"""Disputes: a payer's bank takes a payment into doubt, and mostly takes the money until it is decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, and_, or_, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.billing.domain.base import Base
from services.billing.domain.facts import DisputeFact, Stamp
from services.billing.domain.ledger import Account, Draft, Kind, transfer
from services.billing.domain.mirrored import OTHER, Snapshot, followed
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import new_id

# https://docs.stripe.com/disputes/how-disputes-work; Stripe's longest words are shortened. A warning is an inquiry:
# nothing is withdrawn yet, and the charge can still be refunded.
_WORDS = {"warning_needs_response": "warning_open", "appeal_needs_response": "appeal_open"}
_STATES = (
    "needs_response",
    "under_review",
    "warning_open",
    "warning_under_review",
    "warning_closed",
    "prevented",
    "lost",
    "appeal_open",
    "appeal_under_review",
    "won",
)
DISPUTE = followed("dispute", _STATES)
CLOSED = frozenset({"won", "lost", "warning_closed", "prevented"})
_RANKS = ("warning_open", "warning_under_review", "warning_closed", "needs_response", "under_review", OTHER)


class DisputeHistory(History, Base):
    """What happened to a dispute."""

    __tablename__ = "dispute_history"

    dispute_id: Mapped[str] = mapped_column(
        PrefixedId("dsp"), ForeignKey("billing.disputes.id", ondelete="CASCADE"), index=True
    )


class Dispute(Snapshot, Stateful, Base):
    """A dispute as it stands at Stripe.

    withdrawn_at, reinstated_at: when its money left our balance and came back. fees: by Stripe's transaction, what it
    cost (`[minor units, currency]`). The announcements are when we told others that it was opened and closed.
    """

    __tablename__ = "disputes"
    __table_args__ = (
        status_check(DISPUTE),
        Index("ix_disputes_open", "id", postgresql_where=text("closed_at IS NULL")),
        Index(
            "ix_disputes_unannounced",
            "id",
            postgresql_where=text(
                "opened_announced_at IS NULL OR (closed_at IS NOT NULL AND closed_announced_at IS NULL)"
            ),
        ),
    )

    lifecycle = DISPUTE
    history_model = DisputeHistory
    history: WriteOnlyMapped[DisputeHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    ranks = (*_RANKS, "prevented", "lost", "appeal_open", "appeal_under_review", "won")

    id: Mapped[str] = mapped_column(PrefixedId("dsp"), primary_key=True)
    stripe_dispute_id: Mapped[str] = mapped_column(String(255), unique=True)
    charge: Mapped[str] = mapped_column(String(255), index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(60))
    fees: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    reinstated_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    closed_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    opened_announced_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    closed_announced_at: Mapped[datetime | None] = mapped_column(Instant, default=None)

    @classmethod
    def begin(cls, fact: DisputeFact, stamp: Stamp) -> "Dispute":
        """A dispute we hear of for the first time."""
        created = fact.created_at or stamp.created
        dispute = cls(
            id=new_id("dsp"),
            stripe_dispute_id=fact.stripe_dispute_id,
            charge=fact.reference,
            amount_minor=fact.amount_minor,
            currency=fact.currency,
            reason=fact.reason,
            fees={},
            created_at=created,
            stripe_status=_STATES[0],
            as_of=created,
            as_of_order=-1,
        )
        dispute._begin(at=created, by="stripe", reason=fact.reason)
        return dispute

    @classmethod
    def waits_to_be_told(cls) -> ColumnElement[bool]:
        """The condition of a query for disputes whose beginning or end was not announced."""
        closed_untold = and_(cls.closed_at.is_not(None), cls.closed_announced_at.is_(None))
        return or_(cls.opened_announced_at.is_(None), closed_untold)

    def mirror(self, fact: DisputeFact, stamp: Stamp) -> bool:
        """Shows this snapshot unless a newer one is shown; what moved money counts from any. True when it moved on."""
        self._note_money(fact, stamp)
        word = _WORDS.get(fact.status, fact.status)
        state = word if word in _STATES else OTHER
        if not self.is_newer(fact.status, state, stamp):
            return False
        moved = self._move(state, at=stamp.created, by="stripe", detail={"status": fact.status})
        self.closed_at = (self.closed_at or stamp.created) if state in CLOSED else None
        return moved

    def _note_money(self, fact: DisputeFact, stamp: Stamp) -> None:
        withdrawn = [moved.at for moved in fact.movements if moved.amount_minor < 0]
        reinstated = [moved.at for moved in fact.movements if moved.amount_minor > 0]
        if fact.status == "lost" or stamp.type.endswith((".funds_withdrawn", ".funds_reinstated")):
            withdrawn.append(self.created_at)
        if stamp.type.endswith(".funds_reinstated") and not reinstated:
            reinstated.append(stamp.created)
        self.withdrawn_at = min((*withdrawn, *filter(None, [self.withdrawn_at])), default=None)
        self.reinstated_at = min((*reinstated, *filter(None, [self.reinstated_at])), default=None)
        costs = {moved.id: [moved.fee_minor, moved.currency] for moved in fact.movements if moved.fee_minor}
        if costs.keys() - self.fees.keys():
            self.fees = {**self.fees, **costs}


def dispute_drafts(dispute: Dispute, booked_until: datetime | None) -> list[Draft]:
    """The disputed amount leaves our balance and, when we win, comes back; what Stripe takes for it is a fee.

    booked_until: disputes of this charge made until then are in the ledger already.
    """
    drafts = []
    names = {"stripe_id": dispute.stripe_dispute_id, "currency": dispute.currency, "charge": dispute.charge}
    if dispute.withdrawn_at is not None and (booked_until is None or dispute.created_at > booked_until):
        taken = transfer(Account.DISPUTES, Account.CLEARING, dispute.amount_minor)
        drafts.append(Draft(Kind.DISPUTE, at=dispute.created_at, amounts=taken, **names))
    if dispute.reinstated_at is not None:
        back = transfer(Account.CLEARING, Account.DISPUTES, dispute.amount_minor)
        drafts.append(Draft(Kind.DISPUTE_REINSTATED, at=dispute.reinstated_at, amounts=back, **names))
    for transaction, (fee, currency) in dispute.fees.items():
        cost = transfer(Account.FEES, Account.CLEARING, fee)
        drafts.append(Draft(Kind.FEE, transaction, dispute.created_at, currency, cost, charge=dispute.charge))
    return drafts
