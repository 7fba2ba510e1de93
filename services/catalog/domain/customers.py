"""Whose an account is: what identity said last, kept for staff who look for an order."""

from datetime import datetime

from sqlalchemy import Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.domain.base import Base
from shared.database import Instant, PrefixedId


class Customer(Base):
    """An account and its owner, as identity described them at `described_at`."""

    __tablename__ = "customers"

    account_id: Mapped[str] = mapped_column(PrefixedId("acc"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(320))
    described_at: Mapped[datetime] = mapped_column(Instant)


# For searches by the beginning of either.
Index(
    "ix_customers_email",
    func.lower(Customer.email).label("beginning"),
    postgresql_ops={"beginning": "text_pattern_ops"},
)
Index(
    "ix_customers_name", func.lower(Customer.name).label("beginning"), postgresql_ops={"beginning": "text_pattern_ops"}
)
