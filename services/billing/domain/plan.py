"""What is sold, as far as Stripe must know it: a product per plan, a price per interval and currency."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.base import Base
from shared.database import Instant, PrefixedId
from shared.kernel import amount_problem, charge_problem


class Plan(Base):
    """A read model of catalog's plan, at its newest version. Its id is also the id of its Stripe product."""

    __tablename__ = "plans"

    id: Mapped[str] = mapped_column(PrefixedId("pln"), primary_key=True)
    code: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[datetime] = mapped_column(Instant)


class Price(Base):
    """What a plan costs. A price never changes, here as at Stripe: another amount is another price."""

    __tablename__ = "prices"

    id: Mapped[str] = mapped_column(PrefixedId("prc"), primary_key=True)
    plan_id: Mapped[str] = mapped_column(PrefixedId("pln"), ForeignKey(Plan.id), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    interval: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    setup_fee_minor: Mapped[int] = mapped_column(BigInteger)
    stripe_price_id: Mapped[str | None] = mapped_column(String(255), unique=True, default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)

    @property
    def problem(self) -> str | None:
        """Why Stripe would refuse this price, or None. Its fee is charged together with it."""
        return charge_problem(self.amount_minor, self.currency) or amount_problem(self.setup_fee_minor, self.currency)

    def costs(self, *, currency: str, interval: str, amount_minor: int) -> bool:
        """Whether these are this price's own terms."""
        return (self.currency, self.interval, self.amount_minor) == (currency, interval, amount_minor)
