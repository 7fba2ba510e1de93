"""What support knows of other contexts: whom to write to, and what their services are called."""

from datetime import datetime

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from services.support.domain.base import Base
from shared.database import Instant, PrefixedId


class Contact(Base):
    """A person of an account, as identity announced them."""

    __tablename__ = "contacts"
    __table_args__ = (Index("ix_contacts_account_id_created_at", "account_id", "created_at"),)

    user_id: Mapped[str] = mapped_column(PrefixedId("usr"), primary_key=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(100))
    locale: Mapped[str] = mapped_column(String(12), default="en")
    created_at: Mapped[datetime] = mapped_column(Instant)


class Customer(Base):
    """Whose an account is, for staff; the newest description counts."""

    __tablename__ = "customers"

    account_id: Mapped[str] = mapped_column(PrefixedId("acc"), primary_key=True)
    account_name: Mapped[str] = mapped_column(String(100))
    owner_name: Mapped[str] = mapped_column(String(100))
    owner_email: Mapped[str] = mapped_column(String(254))
    described_at: Mapped[datetime] = mapped_column(Instant)


class KnownService(Base):
    """A service's name and owner, as provisioning announced them; a stale announcement changes nothing."""

    __tablename__ = "known_services"
    __table_args__ = (Index("ix_known_services_account_id", "account_id"),)

    id: Mapped[str] = mapped_column(PrefixedId("svc"), primary_key=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    name: Mapped[str] = mapped_column(String(253))
    version: Mapped[int] = mapped_column(Integer)
