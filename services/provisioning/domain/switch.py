"""Switches that stop something everywhere at once, with a history of who turned them and why."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Identity, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.provisioning.domain.base import Base
from shared.database import Instant

PROVIDER_WRITES = "provider-writes"


class Switch(Base):
    """`engaged` means: stopped. Without a row nobody ever turned it."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    engaged: Mapped[bool] = mapped_column(Boolean)
    by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(Instant)


class SwitchHistory(Base):
    """One turn of a switch."""

    __tablename__ = "switch_history"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), ForeignKey("switches.name", ondelete="CASCADE"), index=True)
    engaged: Mapped[bool] = mapped_column(Boolean)
    by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Instant)
