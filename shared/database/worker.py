"""The loop behind every durable table: claim, handle, record; woken by NOTIFY, with a poll behind it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog

from shared.database.durable import Claimed, DurableQueue, LeaseLost
from shared.database.engine import Database
from shared.database.notify import Listener
from shared.kernel.crashpoints import reach
from shared.telemetry import metrics
from shared.telemetry.order_trace import about
from shared.telemetry.tracing import continuing, span

log = structlog.get_logger()

# A handler that takes longer than this (seconds) is given up; its row goes to another worker.
_LONGEST_RUN = 600.0

Handler = Callable[[Claimed], Awaitable[None]]


class DurableWorker:
    """Runs `handle` for every due row of a queue, up to `concurrency` at a time.

    `handle` completes the row itself, in the transaction of its effect. When it raises, the failure is recorded
    on the row. A run ends only by `stop`; a database that is away is waited for.
    """

    def __init__(
        self,
        database: Database,
        queue: DurableQueue,
        handle: Handler,
        *,
        concurrency: int = 8,
        poll: float = 1.0,
    ) -> None:
        self._database = database
        self._queue = queue
        self._handle = handle
        self._concurrency = concurrency
        self._poll = poll
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(concurrency)
        self._running: set[asyncio.Task[None]] = set()

    def listen(self, listener: Listener) -> None:
        """Lets calls on the channel named like the queue wake this worker."""
        listener.on(self._queue.name, lambda _payload: self._wake.set())

    async def run(self) -> None:
        """Works until cancelled; rows in hand are finished by whoever claims them after their lease."""
        try:
            while True:
                self._wake.clear()
                taken = await self._take()
                if not taken:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._poll):
                            await self._wake.wait()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _take(self) -> int:
        await self._slots.acquire()
        self._slots.release()
        room = self._room()
        if room <= 0:
            return 0
        try:
            claimed = await self._database.run(lambda work: self._queue.claim(work.session, room))
            reach(f"{self._database.schema}.{self._queue.name}.after_claim")
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the database, the loop must outlive it
            log.warning("claim_failed", queue=self._queue.name, error=type(error).__name__)
            await asyncio.sleep(self._poll)
            return 0
        await self._begin(claimed)
        return len(claimed)

    def _room(self) -> int:
        """How many rows may be claimed now."""
        return self._concurrency - len(self._running)

    async def _begin(self, claimed: Sequence[Claimed]) -> None:
        for item in claimed:
            await self._start(self._one(item))

    async def _start(self, work: Coroutine[Any, Any, None]) -> None:
        await self._slots.acquire()
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()
        self._wake.set()

    async def _one(self, item: Claimed) -> None:
        heartbeat = asyncio.create_task(self._keep_leases([item]))
        with span(f"{self._queue.name} handle", item.row.get("trace"), **about(item.row)):
            try:
                await self._handle(item)
                metrics.handled(self._database.schema, self._queue.name, "done")
                self._say_handled(item)
            except LeaseLost:
                log.warning("lease_lost", queue=self._queue.name, id=str(item.id))
            except asyncio.CancelledError:
                await self._give_back(item)
                raise
            except Exception as error:  # noqa: BLE001 - the failure belongs on the row, not in the loop
                await self._record(item, error)
            finally:
                heartbeat.cancel()

    def _say_handled(self, item: Claimed) -> None:
        """One line for each row, in its own trace."""
        log.info(
            "handled",
            service=self._database.schema,
            queue=self._queue.name,
            id=str(item.id),
            attempt=item.attempt,
            **about(item.row),
        )

    async def _keep_leases(self, items: Sequence[Claimed]) -> None:
        """Leases are short, so that a crash is noticed soon; as long as the handler runs, they are renewed."""
        for _ in range(int(_LONGEST_RUN / (self._queue.lease / 3))):
            await asyncio.sleep(self._queue.lease / 3)
            try:
                await self._database.run(lambda work: self._queue.extend(work.session, *items))
            except LeaseLost:
                return
            except Exception as error:  # noqa: BLE001 - the next beat may reach the database again
                log.warning("lease_not_extended", queue=self._queue.name, error=type(error).__name__)

    async def _give_back(self, item: Claimed) -> None:
        """A worker that is asked to stop leaves its rows to the next one at once."""
        with contextlib.suppress(Exception):
            await self._database.run(lambda work: self._queue.postpone(work.session, item, 0))

    async def _record(self, item: Claimed, error: Exception) -> None:
        try:
            state = await self._database.run(lambda work: self._queue.fail(work.session, item, error))
            metrics.handled(self._database.schema, self._queue.name, state)
            log.warning(
                "handling_failed",
                queue=self._queue.name,
                id=str(item.id),
                attempt=item.attempt,
                state=state,
                error=f"{type(error).__name__}: {error}"[:300],
            )
        except Exception as lost:  # noqa: BLE001 - the lease runs out and the row is claimed again
            log.warning("failure_not_recorded", queue=self._queue.name, id=str(item.id), error=type(lost).__name__)


class BatchWorker(DurableWorker):
    """Runs `handle_batch` for all due rows together, `batch` at most, and `handle` for each alone when that fails.

    Both complete their rows themselves, in the transaction of the effect. There is no timer: what became due
    while the last batch was handled is the next one, so a single row never waits for company.
    """

    def __init__(
        self,
        database: Database,
        queue: DurableQueue,
        handle_batch: Callable[[Sequence[Claimed]], Awaitable[None]],
        handle: Handler,
        *,
        batch: int = 64,
        poll: float = 1.0,
    ) -> None:
        super().__init__(database, queue, handle, concurrency=1, poll=poll)
        self._handle_batch = handle_batch
        self._batch = batch

    def _room(self) -> int:
        return 0 if self._running else self._batch

    async def _begin(self, claimed: Sequence[Claimed]) -> None:
        if claimed:
            await self._start(self._one(claimed[0]) if len(claimed) == 1 else self._together(claimed))

    async def _together(self, items: Sequence[Claimed]) -> None:
        heartbeat = asyncio.create_task(self._keep_leases(items))
        try:
            if not await self._all_at_once(items):
                for item in items:
                    await self._one(item)
        except asyncio.CancelledError:
            for item in items:
                await self._give_back(item)
            raise
        finally:
            heartbeat.cancel()

    async def _all_at_once(self, items: Sequence[Claimed]) -> bool:
        try:
            with span(f"{self._queue.name} handle batch", None):
                await self._handle_batch(items)
        except Exception as error:  # noqa: BLE001 - nothing of the batch happened; each row now answers for itself
            log.info("batch_divided", queue=self._queue.name, rows=len(items), error=type(error).__name__)
            return False
        metrics.handled(self._database.schema, self._queue.name, "done", len(items))
        for item in items:
            with continuing(item.row.get("trace")):
                self._say_handled(item)
        return True
