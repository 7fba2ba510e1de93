"""What happens to PostgreSQL and RabbitMQ themselves: killed, frozen, stopped at once, and started on the same data."""

import asyncio
import contextlib
import signal
from collections import Counter

import asyncpg

from ez.embedded.postgres import EmbeddedPostgres
from tests.support.processes import children_of, signal_all
from tests.support.rabbitmq import OwnBroker

_OURS = "SELECT pid FROM pg_stat_activity WHERE usename LIKE 'ez\\_%' AND usename <> 'ez_admin' ORDER BY backend_start"


class Servers:
    """The two servers everything stands on. One trouble per server at a time: the next waits for its turn."""

    def __init__(self, postgres: EmbeddedPostgres, broker: OwnBroker) -> None:
        self._postgres = postgres
        self._broker = broker
        self._postgres_turn = asyncio.Lock()
        self._broker_turn = asyncio.Lock()
        self.restarts: Counter[str] = Counter()

    async def kill_postgres(self) -> None:
        """SIGKILL to the postmaster; its backends follow it."""
        async with self._postgres_turn:
            await self._end_postgres(signal.SIGKILL)

    async def stop_postgres_at_once(self) -> None:
        """Immediate shutdown: no rollback, no checkpoint; the log is replayed at the next start."""
        async with self._postgres_turn:
            await self._end_postgres(signal.SIGQUIT)

    async def _end_postgres(self, number: int) -> None:
        if self._postgres.pid is not None:
            signal_all([self._postgres.pid], number)
            while self._postgres.running:
                await asyncio.sleep(0.05)
        self.restarts["postgres"] += 1
        await self._postgres.start()

    async def kill_backend(self, pick: float) -> bool:
        """SIGKILL to one backend of ours: the postmaster throws everybody out and recovers. False without any."""
        async with self._postgres_turn:
            pids = await self._backends()
            return bool(pids) and signal_all([_pick(pids, pick)], signal.SIGKILL) > 0

    async def terminate_backend(self, pick: float) -> bool:
        """One session is ended by the administrator. False when there is none."""
        async with self._postgres_turn:
            pids = await self._backends()
            return bool(pids) and signal_all([_pick(pids, pick)], signal.SIGTERM) > 0

    async def _backends(self) -> list[int]:
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            connection = await asyncpg.connect(self._postgres.admin_url, timeout=5)
            try:
                return [int(row["pid"]) for row in await connection.fetch(_OURS)]
            finally:
                await connection.close()
        return []

    async def freeze_postgres(self, seconds: float) -> None:
        """SIGSTOP to the whole server, and SIGCONT `seconds` later."""
        async with self._postgres_turn:
            if self._postgres.pid is None:
                return
            pids = [self._postgres.pid, *children_of(self._postgres.pid)]
            await _frozen(pids, seconds)

    async def kill_broker(self) -> None:
        """SIGKILL to RabbitMQ, then a start on the same data."""
        async with self._broker_turn:
            await asyncio.to_thread(self._broker.kill)
            self.restarts["rabbit"] += 1
            await asyncio.to_thread(self._broker.start)

    async def freeze_broker(self, seconds: float) -> None:
        """SIGSTOP to RabbitMQ, and SIGCONT `seconds` later."""
        async with self._broker_turn:
            await _frozen(self._broker.pids(), seconds)


async def _frozen(pids: list[int], seconds: float) -> None:
    signal_all(pids, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        signal_all(pids, signal.SIGCONT)


def _pick(pids: list[int], pick: float) -> int:
    return pids[min(int(pick * len(pids)), len(pids) - 1)]
