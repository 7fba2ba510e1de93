"""Facts of others arrive here: each is handled once, however often it is delivered.

The dedupe row and the handler's effect commit in one transaction, and only then is the delivery acknowledged. When
the handler fails, its transaction rolls back and the fact is kept as a waiting row: the delivery is acknowledged,
the row is retried with backoff, and after its last attempt it is `dead`, where staff see it and can replay it.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, func, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.dialects.postgresql import insert

from shared.contracts import SUBSCRIPTIONS
from shared.contracts.base import Event
from shared.database import (
    Claimed,
    Database,
    DurableQueue,
    FailureClass,
    HandlingFailed,
    UnitOfWork,
    durable_columns,
    durable_index,
    is_away,
)
from shared.kernel.crashpoints import reach
from shared.messaging.envelope import Envelope, Malformed, decode
from shared.messaging.transports.base import Message
from shared.telemetry import metrics
from shared.telemetry.tracing import span

log = structlog.get_logger()

Handler = Callable[[UnitOfWork, Any], Awaitable[None]]
Handlers = Mapping[type[Event], Handler]

_LONGEST_PAUSE = 5.0


def inbox_table(metadata: MetaData) -> Table:
    """The inbox of one schema: one row per fact that arrived, keyed by the event id."""
    return Table(
        "inbox",
        metadata,
        Column("id", PG_UUID(as_uuid=True), primary_key=True),
        Column("type", String(80), nullable=False),
        Column("body", LargeBinary, nullable=False),
        *durable_columns(),
        durable_index("inbox"),
    )


def inbox_queue(table: Table) -> DurableQueue:
    """Twelve attempts over about half an hour before a fact is dead."""
    return DurableQueue("inbox", table, max_attempts=12, first_wait=1, longest_wait=600)


class Consumer:
    """One service's ear on the bus. `handlers` must cover exactly the service's subscriptions."""

    def __init__(self, name: str, database: Database, queue: DurableQueue, handlers: Handlers) -> None:
        wanted, given = set(SUBSCRIPTIONS.get(name, ())), set(handlers)
        if wanted != given:
            names = sorted(event.wire_type for event in wanted ^ given)
            raise ValueError(f"{name}'s handlers and subscriptions differ: {', '.join(names)}")
        self.name = name
        self._database = database
        self._queue = queue
        self._handlers = handlers

    async def receive(self, message: Message) -> None:
        """Handles one delivery; returning means it may be acknowledged.

        While the database is away the delivery is held and tried again: it must not use up the broker's
        delivery limit, and prefetch keeps the number held small.
        """
        pause = 0.1
        while True:
            try:
                await self._receive(message)
            except Exception as error:
                if not is_away(error):
                    raise
                log.warning("inbox_waits", consumer=self.name, error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return

    async def _receive(self, message: Message) -> None:
        try:
            envelope = decode(message.body)
        except Malformed as error:
            await self._keep(uuid.uuid5(uuid.NAMESPACE_OID, message.body.hex()), message, error, FailureClass.PERMANENT)
            return
        with span(f"consume {envelope.wire_type}", envelope.traceparent):
            try:
                await self._database.run(lambda work: self._first_attempt(work, envelope, message))
            except Exception as error:
                if is_away(error):
                    raise
                permanent = isinstance(error, Malformed)
                failure = FailureClass.PERMANENT if permanent else FailureClass.TRANSIENT
                await self._keep(envelope.id, message, error, failure)
            else:
                reach(f"{self.name}.inbox.after_commit")

    async def _first_attempt(self, work: UnitOfWork, envelope: Envelope, message: Message) -> None:
        table = self._queue.table
        fresh = await work.session.execute(
            insert(table)
            .values(
                id=envelope.id,
                type=envelope.wire_type,
                body=message.body,
                state="done",
                attempts=1,
                finished_at=func.clock_timestamp(),
                trace=envelope.traceparent,
            )
            .on_conflict_do_nothing()
            .returning(table.c.id)
        )
        if fresh.first() is None:
            metrics.handled(self.name, "inbox", "duplicate")
            return
        reach(f"{self.name}.inbox.before_handle")
        await self._dispatch(work, envelope)
        metrics.handled(self.name, "inbox", "done")

    async def _dispatch(self, work: UnitOfWork, envelope: Envelope) -> None:
        event = envelope.event()
        handler = self._handlers.get(type(event))
        if handler is None:
            raise Malformed(f"{self.name} does not handle {envelope.wire_type}")
        await handler(work, event)

    async def _keep(self, key: uuid.UUID, message: Message, error: Exception, failure: FailureClass) -> None:
        state = self._queue.state_after(failure, 1)
        statement = (
            insert(self._queue.table)
            .values(
                id=key,
                type=message.wire_type[:80],
                body=message.body,
                state=state,
                attempts=1,
                failure_class=failure.value,
                last_error=f"{type(error).__name__}: {error}"[:500],
                next_attempt_at=func.clock_timestamp() + text(f"interval '{self._queue.backoff(1):.3f} seconds'"),
                trace=message.trace,
            )
            .on_conflict_do_nothing()
        )
        await self._database.run(lambda work: work.session.execute(statement))
        metrics.handled(self.name, "inbox", state)
        log.warning("handler_failed", consumer=self.name, type=message.wire_type, id=str(key), error=str(error)[:300])

    async def retry(self, claimed: Claimed) -> None:
        """Handles a row that failed before: effect and completion in one transaction (for a DurableWorker)."""
        envelope = decode(bytes(claimed.row["body"]))

        async def attempt(work: UnitOfWork) -> None:
            await self._dispatch(work, envelope)
            await self._queue.complete(work.session, claimed)

        try:
            await self._database.run(attempt)
        except Malformed as error:
            raise HandlingFailed(str(error), FailureClass.PERMANENT) from error
