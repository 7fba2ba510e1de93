"""Who pays: what billing knows of an account, and the Stripe customer it is."""

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.base import Base
from shared.database import Instant, PrefixedId


class Payer(Base):
    """A read model of identity's account, filled by `UserRegistered`.

    customer_generation: how many of its customers were deleted at Stripe; each was replaced by another.
    """

    __tablename__ = "payers"

    account_id: Mapped[str] = mapped_column(PrefixedId("acc"), primary_key=True)
    user_id: Mapped[str] = mapped_column(PrefixedId("usr"))
    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(200))
    account_name: Mapped[str] = mapped_column(String(200))
    stripe_customer_id: Mapped[str | None] = mapped_column(String(255), unique=True, default=None)
    customer_generation: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(Instant)

    def become_customer(self, stripe_customer_id: str) -> None:
        """Stripe knows this account by that id. Raises ValueError when it already has another one."""
        if self.stripe_customer_id not in (None, stripe_customer_id):
            raise ValueError(f"{self.account_id} is already {self.stripe_customer_id}, not {stripe_customer_id}")
        self.stripe_customer_id = stripe_customer_id

    def lose_customer(self, stripe_customer_id: str) -> bool:
        """Its customer was deleted at Stripe, so the next one is a new one. False when it is another by now."""
        if self.stripe_customer_id != stripe_customer_id:
            return False
        self.stripe_customer_id = None
        self.customer_generation += 1
        return True


class FormerCustomer(Base):
    """A customer that was deleted at Stripe: what is still told of it belongs to this account."""

    __tablename__ = "former_customers"

    stripe_customer_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"), index=True)
    deleted_at: Mapped[datetime] = mapped_column(Instant)
