"""What we want of Stripe without waiting for it: durable intents, each carried out once under its own key."""

from typing import Any

from sqlalchemy import Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.base import Base
from shared.database import DurableQueue, DurableRow, PrefixedId, durable_index

ENSURE_CUSTOMER = "ensure_customer"
SYNC_PLAN = "sync_plan"
EXPIRE_SESSION = "expire_session"
START_SUBSCRIPTION = "start_subscription"
RESCHEDULE_SUBSCRIPTION = "reschedule_subscription"
ADJUST_SUBSCRIPTION = "adjust_subscription"
STOP_SUBSCRIPTION = "stop_subscription"
FETCH_SUBSCRIPTION = "fetch_subscription"


class StripeTask(DurableRow, Base):
    """One intent. `key` says what it is about, so the same wish is never queued twice."""

    __tablename__ = "stripe_tasks"
    __table_args__ = (
        durable_index("stripe_tasks"),
        Index("ix_stripe_tasks_finished_at", "finished_at", postgresql_where=text("state = 'done'")),
        Index("ix_stripe_tasks_given_up", "finished_at", postgresql_where=text("state IN ('dead', 'parked')")),
    )

    id: Mapped[str] = mapped_column(PrefixedId("tsk"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(300), unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)


def _table() -> Table:
    table = StripeTask.__table__
    assert isinstance(table, Table)
    return table


def task_queue() -> DurableQueue:
    """Sixteen attempts over more than an hour."""
    return DurableQueue("stripe_tasks", _table(), max_attempts=16, first_wait=1, longest_wait=900)
