"""Notifications: mails that must go out once per reason, however often the reason is told."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.support.domain.base import Base
from shared.database import DurableRow, Instant, PrefixedId, durable_index

# Templates whose mail holds a secret link. The link is asked for when the mail is sent and is stored nowhere.
LINKED = frozenset({"verify_email", "reset_password", "already_registered"})
TEMPLATES = LINKED | {
    "welcome_vps",
    "welcome_service",
    "receipt",
    "ticket_reply",
    "delivery_delayed",
    "service_suspended",
    "service_resumed",
    "service_ended",
    "payment_past_due",
}


class Notification(DurableRow, Base):
    """One mail: whom it goes to and what it says, as template and context. The context holds no secrets.

    `state` is ready until the mail was accepted (done), given up (dead), or turned out to be pointless (canceled).
    """

    __tablename__ = "notifications"
    __table_args__ = (
        durable_index("notifications"),
        Index("ix_notifications_finished_at", "finished_at"),
        Index("ix_notifications_given_up", "finished_at", postgresql_where=text("state IN ('dead', 'parked')")),
    )

    id: Mapped[str] = mapped_column(PrefixedId("ntf"), primary_key=True)
    dedupe_key: Mapped[str] = mapped_column(String(120), unique=True)
    template: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(254))
    recipient_name: Mapped[str] = mapped_column(String(100))
    context: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
