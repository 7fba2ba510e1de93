"""Facts wait here, committed together with what they report, until the broker has confirmed them."""

from collections.abc import Sequence

from sqlalchemy import Column, Index, LargeBinary, MetaData, String, Table, insert, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import DurableQueue, Recorded, durable_columns, durable_index
from shared.kernel import Clock, SystemClock
from shared.kernel.ids import uuid7
from shared.messaging.envelope import encode


def outbox_table(metadata: MetaData) -> Table:
    """The outbox of one schema. `id` is the event id; `body` is the envelope exactly as it will be sent."""
    return Table(
        "outbox",
        metadata,
        Column("id", PG_UUID(as_uuid=True), primary_key=True),
        Column("type", String(80), nullable=False),
        Column("subject", String(64), nullable=False),
        Column("body", LargeBinary, nullable=False),
        *durable_columns(),
        durable_index("outbox"),
        Index("ix_outbox_subject", "subject", "created_at", "id", postgresql_where=text("state = 'ready'")),
    )


def outbox_queue(table: Table) -> DurableQueue:
    """A fact is never given up: it is retried for ever, at most half a minute apart; those of one subject in order."""
    return DurableQueue(
        "outbox", table, max_attempts=2_000_000_000, first_wait=0.2, longest_wait=30, in_order_of="subject"
    )


class Outbox:
    """Writes facts into the outbox within the caller's transaction."""

    def __init__(self, table: Table, clock: Clock | None = None) -> None:
        self._table = table
        self._clock = clock or SystemClock()

    async def write(self, session: AsyncSession, facts: Sequence[Recorded]) -> None:
        """Stores the facts in one statement, in the order they were recorded."""
        now = self._clock.now()
        rows = []
        for fact in facts:
            event_id = uuid7()
            rows.append(
                {
                    "id": event_id,
                    "type": fact.event.wire_type,
                    "subject": fact.event.subject,
                    "body": encode(fact.event, event_id, now, fact.trace),
                    "trace": fact.trace,
                }
            )
        await session.execute(insert(self._table), rows)
