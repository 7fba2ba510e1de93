"""Whose an account is, as identity described it: what staff's lists show beside a service."""

from datetime import datetime

from sqlalchemy import Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from services.provisioning.domain.base import Base
from shared.database import Instant, PrefixedId


class Customer(Base):
    """The owner of an account; the newest description counts."""

    __tablename__ = "customers"

    account_id: Mapped[str] = mapped_column(PrefixedId("acc"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(320))
    described_at: Mapped[datetime] = mapped_column(Instant)


Index("ix_customers_email", func.lower(Customer.email))
