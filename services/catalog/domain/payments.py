"""Money that arrived for an order, each payment once, and what it did to the order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Identity, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.domain.base import Base
from shared.database import Instant, PrefixedId
from shared.kernel import written


class Outcome(StrEnum):
    """What a payment did to its order."""

    SETTLED = "settled"  # it paid the order
    LATE = "late"  # it came after the order was closed: staff decide
    MISMATCHED = "mismatched"  # it is not what the order asked for: staff decide
    SECOND = "second"  # the order was paid already: staff refund it


@dataclass(frozen=True, slots=True)
class Particulars:
    """What makes one payment this payment: told again with the same particulars, it is the same one."""

    checkout_id: str
    amount_minor: int
    currency: str

    def __str__(self) -> str:
        return written(self.amount_minor, self.currency)


class Payment(Base):
    """One payment, as billing reported it."""

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("order_id", "checkout_id", "amount_minor", "currency", name="uq_payments_particulars"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[str] = mapped_column(PrefixedId("ord"), ForeignKey("catalog.orders.id"))
    checkout_id: Mapped[str] = mapped_column(String(64))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(Text, default=None)
    stripe_subscription_id: Mapped[str | None] = mapped_column(String(255), default=None)
    paid_at: Mapped[datetime] = mapped_column(Instant)

    @property
    def particulars(self) -> Particulars:
        """What tells this payment from every other."""
        return Particulars(self.checkout_id, self.amount_minor, self.currency)

    @property
    def awaits_decision(self) -> bool:
        """Whether staff must say what becomes of it."""
        return self.outcome in (Outcome.LATE, Outcome.MISMATCHED)
