"""Facts of others take effect here: each once, however often it is delivered.

The dedupe row and the handler's effect commit in one transaction, and only then is the delivery acknowledged.
Deliveries that come in while earlier ones are handled share one transaction. When any handler fails, all of it rolls
back and each is handled by itself: the fact that fails is then kept as a waiting row, its delivery is acknowledged, the
row is retried with backoff, and after its last attempt it is `dead`, where staff see it and can replay it.

A fact of a type, or with a value, that this code does not know is not a failure: newer code publishes it during an
upgrade. It is kept, listed, and taken by code that knows it. A personal fact is kept only as long as it must be read
again: the row of a handled one has no body.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import ARRAY, LargeBinary, String, Uuid, bindparam, func, text
from sqlalchemy.dialects.postgresql import insert

from shared.contracts import SUBSCRIPTIONS
from shared.contracts.base import Event
from shared.database import (
    Claimed,
    Database,
    DurableQueue,
    FailureClass,
    HandlingFailed,
    NotUnderstood,
    UnitOfWork,
    is_away,
)
from shared.database.durable import FIRST_LOOK
from shared.kernel.batches import Batcher
from shared.kernel.crashpoints import reach
from shared.messaging.envelope import Envelope, Malformed, decode
from shared.messaging.personal import NO_BODY
from shared.messaging.transports.base import Message
from shared.telemetry import metrics
from shared.telemetry.order_trace import about
from shared.telemetry.tracing import continuing, span

log = structlog.get_logger()

Handler = Callable[[UnitOfWork, Any], Awaitable[None]]
Handlers = Mapping[type[Event], Handler]

_LONGEST_PAUSE = 5.0
# Facts of one subject take the same lane, where they are handled in the order in which they came. While one lane waits
# for PostgreSQL, the other works.
_LANES = 2
_MOST_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class _Delivery:
    message: Message
    envelope: Envelope
    event: Event

    @property
    def kept_body(self) -> bytes:
        """What the inbox keeps of it once it is handled."""
        return NO_BODY if self.event.personal else self.message.body


class Consumer:
    """Receives one service's facts. `handlers` must cover exactly the service's subscriptions."""

    def __init__(self, name: str, database: Database, queue: DurableQueue, handlers: Handlers) -> None:
        wanted, given = set(SUBSCRIPTIONS.get(name, ())), set(handlers)
        if wanted != given:
            names = sorted(event.wire_type for event in wanted ^ given)
            raise ValueError(f"{name}'s handlers and subscriptions differ: {', '.join(names)}")
        self.name = name
        self._database = database
        self._queue = queue
        self._handlers = handlers
        self._lanes: list[Batcher[_Delivery]] = [
            Batcher(self._handle, most=_MOST_TOGETHER, name=f"{name}-inbox") for _ in range(_LANES)
        ]
        self._note = text(
            f"""
            INSERT INTO {queue.table.fullname} (id, type, body, trace, state, attempts, finished_at)
            SELECT *, 'done', 1, clock_timestamp() FROM unnest(:ids, :types, :bodies, :traces) ORDER BY 1
            ON CONFLICT DO NOTHING RETURNING id
            """  # noqa: S608 - the name is the table's own
        ).bindparams(
            bindparam("ids", type_=ARRAY(Uuid)),
            bindparam("types", type_=ARRAY(String)),
            bindparam("bodies", type_=ARRAY(LargeBinary)),
            bindparam("traces", type_=ARRAY(String)),
        )

    async def receive(self, message: Message) -> None:
        """Handles one delivery; returning means it may be acknowledged.

        While the database is away the delivery is held and tried again: it must not use up the broker's
        delivery limit, and prefetch keeps the number held small.
        """
        try:
            envelope = decode(message.body)
        except Malformed as malformed:
            key, error = uuid.uuid5(uuid.NAMESPACE_OID, message.body.hex()), malformed
            await self._until_back(lambda: self._keep(key, message, error))
            return
        try:
            delivery = _Delivery(message, envelope, self._understood(envelope))
        except NotUnderstood as unknown:
            reason = unknown
            await self._until_back(lambda: self._keep(envelope.id, message, reason))
            return
        await self._lanes[hash(envelope.subject) % _LANES].put(delivery)

    def _understood(self, envelope: Envelope) -> Event:
        """The fact in the envelope. Raises NotUnderstood when this code knows neither it nor what to do about it."""
        event = envelope.event()
        if type(event) not in self._handlers:
            raise NotUnderstood(f"{self.name} does not handle {envelope.wire_type}")
        return event

    async def _handle(self, deliveries: Sequence[_Delivery]) -> Sequence[Exception | None]:
        if len(deliveries) > 1 and await self._handled_together(deliveries):
            return [None] * len(deliveries)
        return [await self._handled_alone(delivery) for delivery in deliveries]

    async def _handled_together(self, deliveries: Sequence[_Delivery]) -> bool:
        try:
            async with self._database.work() as work:
                handled = await self._take(work, deliveries)
        except Exception as error:  # noqa: BLE001 - nothing of it happened; each delivery now answers for itself
            log.info("batch_divided", consumer=self.name, facts=len(deliveries), error=type(error).__name__)
            return False
        reach(f"{self.name}.inbox.after_commit")
        self._say_handled(handled)
        return True

    async def _handled_alone(self, delivery: _Delivery) -> Exception | None:
        try:
            await self._until_back(lambda: self._attempt(delivery))
        except Exception as error:  # noqa: BLE001 - the transport delivers it again
            return error
        return None

    async def _until_back(self, act: Callable[[], Awaitable[None]]) -> None:
        """Acts, again and again while the database is away."""
        pause = 0.1
        while True:
            try:
                await act()
            except Exception as error:
                if not is_away(error):
                    raise
                log.warning("inbox_waits", consumer=self.name, error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return

    async def _attempt(self, delivery: _Delivery) -> None:
        envelope = delivery.envelope
        with span(f"consume {envelope.wire_type}", envelope.traceparent):
            try:
                handled = await self._database.run(lambda work: self._take(work, [delivery]))
            except Exception as error:
                if is_away(error):
                    raise
                await self._keep(envelope.id, delivery.message, error)
            else:
                reach(f"{self.name}.inbox.after_commit")
                self._say_handled(handled)

    def _say_handled(self, envelopes: Sequence[Envelope]) -> None:
        """One line for each fact that took effect, in its own trace."""
        for envelope in envelopes:
            with continuing(envelope.traceparent):
                log.info(
                    "handled",
                    service=self.name,
                    queue="inbox",
                    id=str(envelope.id),
                    type=envelope.wire_type,
                    **about({"subject": envelope.subject, **envelope.data}),
                )

    async def _take(self, work: UnitOfWork, deliveries: Sequence[_Delivery]) -> list[Envelope]:
        """Notes the deliveries in the inbox and handles those that were not there, in the order in which they came.

        Returns what was handled.
        """
        fresh = await self._noted(work, deliveries)
        handled: list[Envelope] = []
        for delivery in deliveries:
            envelope = delivery.envelope
            if envelope.id not in fresh:
                continue
            fresh.remove(envelope.id)
            handled.append(envelope)
            reach(f"{self.name}.inbox.before_handle")
            if len(deliveries) == 1:
                await self._dispatch(work, delivery.event)
            else:
                with continuing(envelope.traceparent):
                    await self._dispatch(work, delivery.event)
                await work.forget_loaded()
        metrics.handled(self.name, "inbox", "done", len(handled))
        metrics.handled(self.name, "inbox", "duplicate", len(deliveries) - len(handled))
        return handled

    async def _noted(self, work: UnitOfWork, deliveries: Sequence[_Delivery]) -> set[uuid.UUID]:
        """The ids that are new. One statement for any number; sorted, so that nobody waits for another crosswise."""
        noted = await work.session.execute(
            self._note,
            {
                "ids": [delivery.envelope.id for delivery in deliveries],
                "types": [delivery.envelope.wire_type[:80] for delivery in deliveries],
                "bodies": [delivery.kept_body for delivery in deliveries],
                "traces": [_trace(delivery.envelope.traceparent) for delivery in deliveries],
            },
        )
        return {uuid.UUID(int=row.id.int) for row in noted}

    async def _dispatch(self, work: UnitOfWork, event: Event) -> None:
        await self._handlers[type(event)](work, event)

    async def _keep(self, key: uuid.UUID, message: Message, error: Exception) -> None:
        failure = _meaning(error)
        unknown = failure is FailureClass.NOT_UNDERSTOOD
        state = self._queue.state_after(failure, 1)
        pause = FIRST_LOOK.total_seconds() if unknown else self._queue.backoff(1)
        statement = (
            insert(self._queue.table)
            .values(
                id=key,
                type=message.wire_type[:80],
                body=message.body,
                state=state,
                attempts=0 if unknown else 1,
                failure_class=failure.value,
                last_error=f"{type(error).__name__}: {error}"[:500],
                next_attempt_at=func.clock_timestamp() + text(f"interval '{pause:.3f} seconds'"),
                trace=_trace(message.trace),
                finished_at=None if state == "ready" else func.clock_timestamp(),
            )
            .on_conflict_do_nothing()
        )
        await self._database.run(lambda work: work.session.execute(statement))
        metrics.handled(self.name, "inbox", state)
        happened = "fact_not_understood" if unknown else "handler_failed"
        log.warning(happened, consumer=self.name, type=message.wire_type, id=str(key), error=str(error)[:300])

    async def retry(self, claimed: Claimed) -> None:
        """Handles a row that failed before: effect and completion in one transaction (for a DurableWorker)."""
        try:
            event = self._understood(decode(bytes(claimed.row["body"])))
        except Malformed as error:
            raise HandlingFailed(str(error), FailureClass.PERMANENT) from error
        nothing_kept = {"body": NO_BODY} if event.personal else {}

        async def attempt(work: UnitOfWork) -> None:
            await self._dispatch(work, event)
            await self._queue.complete(work.session, claimed, **nothing_kept)

        await self._database.run(attempt)


def _meaning(error: Exception) -> FailureClass:
    if isinstance(error, HandlingFailed):
        return error.failure
    return FailureClass.PERMANENT if isinstance(error, Malformed) else FailureClass.TRANSIENT


def _trace(traceparent: str | None) -> str | None:
    """What fits the column; a longer one is none."""
    return traceparent if traceparent is not None and len(traceparent) <= 64 else None
