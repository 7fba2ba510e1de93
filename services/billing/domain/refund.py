"""Refunds: money on its way back to the payer. One that fails later comes back to us."""

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, and_, text
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.billing.domain.base import Base
from services.billing.domain.facts import RefundFact, Stamp
from services.billing.domain.ledger import Account, Draft, Kind, transfer
from services.billing.domain.mirrored import OTHER, Snapshot, followed
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import new_id

# https://docs.stripe.com/refunds: pending may ask the payer for something first, and a success may still fail.
_STATES = ("pending", "requires_action", "succeeded", "canceled", "failed")
REFUND = followed("refund", _STATES)
RETURNED = frozenset({"failed", "canceled"})


class RefundHistory(History, Base):
    """What happened to a refund."""

    __tablename__ = "refund_history"

    refund_id: Mapped[str] = mapped_column(
        PrefixedId("rfd"), ForeignKey("billing.refunds.id", ondelete="CASCADE"), index=True
    )


class Refund(Snapshot, Stateful, Base):
    """A refund as it stands at Stripe. `announced_at`: when we told others that it succeeded."""

    __tablename__ = "refunds"
    __table_args__ = (
        status_check(REFUND),
        Index("ix_refunds_unannounced", "id", postgresql_where=text("status = 'succeeded' AND announced_at IS NULL")),
    )

    lifecycle = REFUND
    history_model = RefundHistory
    history: WriteOnlyMapped[RefundHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    ranks = (OTHER, *_STATES)

    id: Mapped[str] = mapped_column(PrefixedId("rfd"), primary_key=True)
    stripe_refund_id: Mapped[str] = mapped_column(String(255), unique=True)
    charge: Mapped[str] = mapped_column(String(255), index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str | None] = mapped_column(String(60), default=None)
    failure_reason: Mapped[str | None] = mapped_column(String(60), default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)
    returned_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    announced_at: Mapped[datetime | None] = mapped_column(Instant, default=None)

    @classmethod
    def begin(cls, fact: RefundFact, stamp: Stamp) -> "Refund":
        """A refund we hear of for the first time."""
        created = fact.created_at or stamp.created
        refund = cls(
            id=new_id("rfd"),
            stripe_refund_id=fact.stripe_refund_id,
            charge=fact.reference,
            amount_minor=fact.amount_minor,
            currency=fact.currency,
            reason=fact.reason,
            created_at=created,
            stripe_status=_STATES[0],
            as_of=created,
            as_of_order=-1,
        )
        refund._begin(at=created, by="stripe", reason=fact.reason)
        return refund

    @classmethod
    def waits_to_be_told(cls) -> ColumnElement[bool]:
        """The condition of a query for refunds that succeeded and were not announced."""
        return and_(cls._status == "succeeded", cls.announced_at.is_(None))

    def mirror(self, fact: RefundFact, stamp: Stamp) -> bool:
        """Shows this snapshot unless a newer one is shown already. True when the status changed."""
        self.failure_reason = fact.failure_reason or self.failure_reason
        state = fact.status if fact.status in _STATES else OTHER
        if state in RETURNED:
            self.returned_at = min(self.returned_at or stamp.created, stamp.created)
        if not self.is_newer(fact.status, state, stamp):
            return False
        return self._move(state, at=stamp.created, by="stripe", detail={"status": fact.status})


def refund_drafts(refund: Refund, booked_until: datetime | None) -> list[Draft]:
    """The money leaves our balance when the refund is made, and comes back when it fails or is canceled.

    booked_until: refunds of this charge made until then are in the ledger already, as one sum.
    """
    drafts = []
    give = transfer(Account.REFUNDS, Account.CLEARING, refund.amount_minor)
    names = {"stripe_id": refund.stripe_refund_id, "currency": refund.currency, "charge": refund.charge}
    if booked_until is None or refund.created_at > booked_until:
        drafts.append(Draft(Kind.REFUND, at=refund.created_at, amounts=give, **names))
    if refund.returned_at is not None:
        back = transfer(Account.CLEARING, Account.REFUNDS, refund.amount_minor)
        drafts.append(Draft(Kind.REFUND_RETURNED, at=refund.returned_at, amounts=back, **names))
    return drafts
