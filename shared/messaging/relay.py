"""Carries committed facts to the broker: claim a batch, publish it in flight together, mark what was confirmed.

A crash after the publish and before the mark sends the batch again under the same ids; inboxes drop the repeats.
What a confirmed fact said of a person is forgotten with the mark.
Any number of relays may run beside each other: facts of one subject leave one after another, each after the one
before it was confirmed, because of those that wait only the oldest can be claimed.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import structlog

from shared.database import Claimed, Database, DurableQueue, Listener, UnitOfWork
from shared.kernel.crashpoints import reach
from shared.messaging.personal import NO_BODY, personal_types
from shared.messaging.transports.base import Message, Transport
from shared.telemetry import metrics

log = structlog.get_logger()

# While the broker confirms one batch, PostgreSQL gives out the next.
_UNDER_WAY = 2


class Relay:
    """Publishes one schema's outbox, `batch` facts together; two batches are on their way where more wait."""

    def __init__(
        self, database: Database, queue: DurableQueue, transport: Transport, *, batch: int = 100, poll: float = 1.0
    ) -> None:
        self._database = database
        self._queue = queue
        self._transport = transport
        self._batch = batch
        self._poll = poll
        self._wake = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._personal = personal_types()

    def listen(self, listener: Listener) -> None:
        """Lets commits wake the relay."""
        listener.on("outbox", lambda _payload: self._wake.set())

    async def run(self) -> None:
        """Relays until cancelled."""
        try:
            while True:
                self._wake.clear()
                if not await self._begin_batch():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._poll):
                            await self._wake.wait()
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _begin_batch(self) -> bool:
        """Claims a batch and sends it on its way. False when nothing more is due now."""
        while len(self._under_way) >= _UNDER_WAY:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        try:
            claimed = await self._claim()
        except Exception as error:  # noqa: BLE001 - the database is away: the rows are safe, try again
            await self._pause(error)
            return True
        if claimed:
            task = asyncio.create_task(self._see_through(claimed))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(claimed) == self._batch

    async def _see_through(self, claimed: list[Claimed]) -> None:
        try:
            await self._carry(claimed)
        except Exception as error:  # noqa: BLE001 - database or broker away: the lease ends and the rows go again
            await self._pause(error)
        self._wake.set()  # what waited behind these facts can be claimed now

    async def _pause(self, error: Exception) -> None:
        log.warning("relay_waits", schema=self._database.schema, error=type(error).__name__)
        await asyncio.sleep(self._poll)

    async def relay_batch(self) -> int:
        """Sends one batch; returns how many rows were claimed."""
        claimed = await self._claim()
        if claimed:
            await self._carry(claimed)
        return len(claimed)

    async def _claim(self) -> list[Claimed]:
        return await self._database.run(lambda work: self._queue.claim(work.session, self._batch))

    async def _carry(self, claimed: list[Claimed]) -> None:
        """Publishes the facts, waits for their confirms, marks what was confirmed."""
        reach(f"{self._database.schema}.relay.before_publish")
        outcomes = await self._transport.publish([_message(item) for item in claimed])
        reach(f"{self._database.schema}.relay.after_publish")
        confirmed = [item for item, error in zip(claimed, outcomes, strict=True) if error is None]

        async def mark(work: UnitOfWork) -> None:
            await self._sent(work, [item for item in confirmed if item.row["type"] not in self._personal])
            await self._sent(work, [item for item in confirmed if item.row["type"] in self._personal], body=NO_BODY)
            for item, error in zip(claimed, outcomes, strict=True):
                if error is not None:
                    await self._queue.fail(work.session, item, error)
                    log.warning("fact_not_confirmed", type=item.row["type"], id=str(item.id), error=str(error))

        await self._database.run(mark)
        metrics.handled(self._database.schema, "outbox", "done", len(confirmed))

    async def _sent(self, work: UnitOfWork, items: Sequence[Claimed], **values: Any) -> None:
        if items:
            await self._queue.complete_many(work.session, [item.id for item in items], items[0].lease, **values)


def _message(item: Claimed) -> Message:
    return Message(id=str(item.id), wire_type=item.row["type"], body=bytes(item.row["body"]), trace=item.row["trace"])
