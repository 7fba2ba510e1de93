"""Who pays: what billing knows of an account, and the Stripe customer it is."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.base import Base
from shared.database import Instant, PrefixedId


class Payer(Base):
    """A read model of identity's account, filled by `UserRegistered`."""

    __tablename__ = "payers"

    account_id: Mapped[str] = mapped_column(PrefixedId("acc"), primary_key=True)
    user_id: Mapped[str] = mapped_column(PrefixedId("usr"))
    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(200))
    account_name: Mapped[str] = mapped_column(String(200))
    stripe_customer_id: Mapped[str | None] = mapped_column(String(255), unique=True, default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)

    def become_customer(self, stripe_customer_id: str) -> None:
        """Stripe knows this account by that id. Raises ValueError when it already has another one."""
        if self.stripe_customer_id not in (None, stripe_customer_id):
            raise ValueError(f"{self.account_id} is already {self.stripe_customer_id}, not {stripe_customer_id}")
        self.stripe_customer_id = stripe_customer_id
