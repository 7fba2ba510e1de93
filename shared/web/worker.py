"""The other half of a service: everything that runs without a request. One process runs any number of parts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import text

from shared.database import Database, DurableQueue, DurableWorker, Listener
from shared.database.durable import count_by_state, overdue_seconds
from shared.messaging import Consumer, Relay, Transport
from shared.telemetry import metrics

log = structlog.get_logger()
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class ClockJob:
    """Something the clock asks for: `run` is called every `every` seconds, by one process at a time."""

    name: str
    every: float
    run: Callable[[], Awaitable[None]]


class ServiceWorker:
    """Relay, inbox, retries, durable queues and clock jobs of one service. `closing` runs when the worker ends."""

    def __init__(
        self,
        name: str,
        database: Database,
        transport: Transport,
        *,
        outbox: DurableQueue,
        inbox: DurableQueue,
        consumer: Consumer | None,
        workers: Sequence[DurableWorker] = (),
        clock_jobs: Sequence[ClockJob] = (),
        queues: Sequence[DurableQueue] = (),
        closing: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self.name = name
        self.database = database
        self.transport = transport
        self._relay = Relay(database, outbox, transport)
        self._consumer = consumer
        self._workers = list(workers)
        self._queues = [outbox, inbox, *queues]
        if consumer is not None:
            self._workers.append(DurableWorker(database, inbox, consumer.retry))
        self._clock_jobs = [*clock_jobs, ClockJob("gauges", 15, self._gauges)]
        self._closing = closing
        self._listener = Listener(database.url, database.schema, *(queue.name for queue in self._queues))

    async def run(self) -> None:
        """Runs until cancelled. Parts fail and recover on their own: a broker that is away stops no job."""
        self._relay.listen(self._listener)
        for worker in self._workers:
            worker.listen(self._listener)
        self._listener.start()
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self._bus(), name=f"{self.name}-bus")
                parts.create_task(self._look_again(), name=f"{self.name}-look-again")
                for worker in self._workers:
                    parts.create_task(worker.run(), name=f"{self.name}-worker")
                for job in self._clock_jobs:
                    parts.create_task(self._clock(job), name=f"{self.name}-{job.name}")
        finally:
            await self._listener.stop()
            await self.transport.stop()
            for close in self._closing:
                await close()

    async def _look_again(self) -> None:
        """Once, when a worker starts: what older code did not understand, this one may."""
        while True:
            try:
                for queue in self._queues:
                    async with self.database.work() as work:
                        hurried = await queue.make_not_understood_due(work.session)
                    if hurried:
                        log.info("looking_again", service=self.name, queue=queue.name, rows=hurried)
                return
            except Exception as error:  # noqa: BLE001 - the database is away; the rows come up by themselves later
                log.warning("not_looked_again", service=self.name, error=type(error).__name__)
                await asyncio.sleep(_PAUSE)

    async def _bus(self) -> None:
        while True:
            try:
                await self.transport.start()
                if self._consumer is not None:
                    await self.transport.subscribe(self._consumer.name, self._consumer.receive)
                break
            except Exception as error:  # noqa: BLE001 - the broker is away or restarting; jobs go on meanwhile
                log.warning("broker_away", service=self.name, error=f"{type(error).__name__}: {error}"[:200])
                with contextlib.suppress(Exception):
                    await self.transport.stop()
                await asyncio.sleep(_PAUSE)
        await self._relay.run()

    async def _clock(self, job: ClockJob) -> None:
        while True:
            try:
                await self._alone(job)
            except Exception as error:  # noqa: BLE001 - one bad run must not end the clock
                log.warning("clock_job_failed", job=job.name, error=f"{type(error).__name__}: {error}"[:300])
            await asyncio.sleep(job.every)

    async def _alone(self, job: ClockJob) -> None:
        """Runs the job unless another process is running it. The lock is the connection's: it ends with its holder."""
        lock = {"name": f"{self.name}.{job.name}"}
        async with self.database.engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            mine = await connection.execute(text("SELECT pg_try_advisory_lock(hashtext(:name))"), lock)
            if not mine.scalar_one():
                return
            try:
                await job.run()
            finally:
                await connection.execute(text("SELECT pg_advisory_unlock(hashtext(:name))"), lock)

    async def _gauges(self) -> None:
        for queue in self._queues:
            counts = await count_by_state(self.database, queue)
            for state in ("ready", "not_understood", "dead", "parked"):
                metrics.durable_rows.labels(self.name, queue.name, state).set(counts.get(state, 0))
            overdue = await overdue_seconds(self.database, queue)
            metrics.durable_oldest_seconds.labels(self.name, queue.name).set(overdue)
