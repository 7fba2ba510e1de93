"""Carries committed facts to the broker: claim a batch, publish it in flight together, mark what was confirmed.

A crash after the publish and before the mark sends the batch again under the same ids; inboxes drop the repeats.
Any number of relays may run beside each other: facts of one subject leave one after another, each after the one
before it was confirmed, because of those that wait only the oldest can be claimed.
"""

import asyncio
import contextlib

import structlog

from shared.database import Claimed, Database, DurableQueue, Listener, UnitOfWork
from shared.kernel.crashpoints import reach
from shared.messaging.transports.base import Message, Transport
from shared.telemetry import metrics

log = structlog.get_logger()


class Relay:
    """Publishes one schema's outbox. `batch` is how many facts are unconfirmed at most."""

    def __init__(
        self, database: Database, queue: DurableQueue, transport: Transport, *, batch: int = 100, poll: float = 1.0
    ) -> None:
        self._database = database
        self._queue = queue
        self._transport = transport
        self._batch = batch
        self._poll = poll
        self._wake = asyncio.Event()

    def listen(self, listener: Listener) -> None:
        """Lets commits wake the relay."""
        listener.on("outbox", lambda _payload: self._wake.set())

    async def run(self) -> None:
        """Relays until cancelled."""
        while True:
            self._wake.clear()
            try:
                sent = await self.relay_batch()
            except Exception as error:  # noqa: BLE001 - database or broker away: the rows are safe, try again
                log.warning("relay_waits", schema=self._database.schema, error=type(error).__name__)
                await asyncio.sleep(self._poll)
                continue
            if not sent:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll):
                        await self._wake.wait()

    async def relay_batch(self) -> int:
        """Sends one batch; returns how many rows were claimed."""
        claimed = await self._database.run(lambda work: self._queue.claim(work.session, self._batch))
        if not claimed:
            return 0
        reach(f"{self._database.schema}.relay.before_publish")
        outcomes = await self._transport.publish([_message(item) for item in claimed])
        reach(f"{self._database.schema}.relay.after_publish")
        confirmed = [item for item, error in zip(claimed, outcomes, strict=True) if error is None]

        async def mark(work: UnitOfWork) -> None:
            if confirmed:
                await self._queue.complete_many(work.session, [item.id for item in confirmed], confirmed[0].lease)
            for item, error in zip(claimed, outcomes, strict=True):
                if error is not None:
                    await self._queue.fail(work.session, item, error)
                    log.warning("fact_not_confirmed", type=item.row["type"], id=str(item.id), error=str(error))

        await self._database.run(mark)
        metrics.durable_handled.labels(self._database.schema, "outbox", "done").inc(len(confirmed))
        return len(claimed)


def _message(item: Claimed) -> Message:
    return Message(id=str(item.id), wire_type=item.row["type"], body=bytes(item.row["body"]), trace=item.row["trace"])
