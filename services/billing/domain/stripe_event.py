"""Stripe's events as they arrived: stored once by their id, then processed from here, however often delivered."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Identity, Index, String, Table, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.base import Base
from shared.database import DurableQueue, DurableRow, Instant, PrefixedId, durable_index


class StripeEvent(DurableRow, Base):
    """One event: the exact text that was signed, a few of its fields, and how far its processing is.

    `outcome` says in a few words what it did; events of types nobody handles are done with the outcome `ignored`.
    """

    __tablename__ = "stripe_events"
    __table_args__ = (
        durable_index("stripe_events"),
        Index("ix_stripe_events_type", "type", "seq"),
        Index("ix_stripe_events_unfinished", "state", "seq", postgresql_where=text("state <> 'done'")),
        Index("ix_stripe_events_finished_at", "finished_at", postgresql_where=text("state = 'done'")),
    )

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, Identity(), unique=True)
    type: Mapped[str] = mapped_column(String(100))
    api_version: Mapped[str | None] = mapped_column(String(40), default=None)
    stripe_created_at: Mapped[datetime] = mapped_column(Instant)
    livemode: Mapped[bool] = mapped_column(Boolean)
    object_id: Mapped[str | None] = mapped_column(String(255), default=None)
    payload: Mapped[str] = mapped_column(Text)
    order_id: Mapped[str | None] = mapped_column(PrefixedId("ord"), default=None)
    outcome: Mapped[str | None] = mapped_column(String(200), default=None)
    received_at: Mapped[Any] = mapped_column(Instant, server_default=text("clock_timestamp()"))


def _table() -> Table:
    table = StripeEvent.__table__
    assert isinstance(table, Table)
    return table


def event_queue() -> DurableQueue:
    """Twelve attempts over about half an hour before an event is dead; staff replay it then."""
    return DurableQueue("stripe_events", _table(), max_attempts=12, first_wait=1, longest_wait=900)
