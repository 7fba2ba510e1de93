"""The environment of a run: a durable PostgreSQL, a RabbitMQ, and processes whose CPU time can be told.

async with Lab(directory) as lab:
    url = await lab.database("peer")              # an empty database, as the administrator
    shop = await lab.product("intake")            # a migrated database and the environment of a deployment
    api = shop.serve("billing"); await lab.ready(api, shop.health("billing"))
    before = lab.cpu([api.pid, lab.postgres_pid])
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import asyncpg

from bench import processes
from bench.measure import Measure
from bench.processes import Process
from bench.product import Product
from ez.embedded.postgres import EmbeddedPostgres
from ez.embedded.postgres_binaries import find_binaries
from ez.embedded.secrets import fresh
from shared.testing import eventually
from tests.support.database import free_port
from tests.support.rabbitmq import OwnBroker

__all__ = ["ROOT", "Lab", "Measure", "Process"]

ROOT = Path(__file__).parents[1]
_TEMPLATE = "migrated"


def memory_mib() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


class MeasuredBroker(OwnBroker):
    """A RabbitMQ whose CPU time can be asked for."""

    @property
    def pid(self) -> int:
        """The process at the top of the node's tree."""
        assert self._process is not None, "the broker is not running"
        return self._process.pid


class Lab:
    """Servers shared by all benchmarks of one run. `quick` asks for short, meaningless rounds: to see that all works.

    PostgreSQL keeps fsync, full_page_writes and synchronous_commit on. `secrets` are made for this run alone.
    """

    def __init__(self, directory: Path, *, quick: bool = False) -> None:
        self.directory = directory
        self.quick = quick
        self.secrets = fresh()
        self.postgres = EmbeddedPostgres(directory / "pg", free_port(), durable=True)
        self.broker = MeasuredBroker(directory / "rabbit")
        self._processes: list[Process] = []
        self._memory: tempfile.TemporaryDirectory[str] | None = None
        self._began = time.monotonic()
        self.lz4 = False

    async def __aenter__(self) -> Self:
        self.directory.chmod(0o755)  # PostgreSQL may run as another user
        (self.directory / "rabbit").mkdir()
        try:
            self.say("PostgreSQL and RabbitMQ start")
            await asyncio.gather(self.postgres.start(), asyncio.to_thread(self.broker.start))
            await self._as_in_production()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _as_in_production(self) -> None:
        """What PostgreSQL's documentation advises for a server of its own, for ours and the peer's alike: a quarter of
        the memory for its buffers, and lz4 for large values where this PostgreSQL has it."""
        connection = await asyncpg.connect(self.postgres.admin_url)
        try:
            known = "SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'"
            self.lz4 = "lz4" in await connection.fetchval(known)
            if self.lz4:
                await connection.execute("ALTER SYSTEM SET default_toast_compression = 'lz4'")
            await connection.execute(f"ALTER SYSTEM SET shared_buffers = '{memory_mib() // 4}MB'")
        finally:
            await connection.close()
        await self.postgres.stop()
        await self.postgres.start()

    async def close(self) -> None:
        """Ends everything this lab started."""
        await asyncio.to_thread(processes.end, self._processes)
        await asyncio.to_thread(self.broker.stop)
        await self.postgres.stop()
        if self._memory is not None:
            self._memory.cleanup()

    @property
    def memory(self) -> Path:
        """A directory for large files that must not keep PostgreSQL's disk busy; in memory where the system has one."""
        if self._memory is None:
            where = "/dev/shm" if Path("/dev/shm").is_dir() else self.directory
            self._memory = tempfile.TemporaryDirectory(prefix="ez-bench-", dir=where)
        return Path(self._memory.name)

    def say(self, text: str) -> None:
        """A line of progress, with the time since the start."""
        print(f"  {time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    @property
    def postgres_pid(self) -> int:
        """The postmaster's process id."""
        assert self.postgres.pid is not None, "PostgreSQL is not running"
        return self.postgres.pid

    @property
    def pg_bin(self) -> Path:
        """Where pgbench and psql of the very same PostgreSQL are."""
        return find_binaries().bin_dir

    def at(self, database: str) -> str:
        """The administrator's address of a database."""
        return urlsplit(self.postgres.admin_url)._replace(path=f"/{database}").geturl()

    async def database(self, name: str, *, template: str = "template1") -> str:
        """A fresh database, replacing one of the same name; the administrator's address of it."""
        connection = await asyncpg.connect(self.postgres.admin_url)
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        finally:
            await connection.close()
        return self.at(name)

    async def product(self, name: str, **changes: str) -> Product:
        """A deployment with a fresh migrated database; `changes` go into its environment. Nothing runs in it yet."""
        if not await self._exists(_TEMPLATE):
            self.say("the five schemas are migrated")
            url = await self.database(_TEMPLATE)
            self._product(url, {}).to_end("migrate")
        return self._product(await self.database(name, template=_TEMPLATE), changes)

    def _product(self, admin_url: str, changes: Mapping[str, str]) -> Product:
        return Product(self, admin_url, changes)

    async def _exists(self, database: str) -> bool:
        connection = await asyncpg.connect(self.postgres.admin_url)
        try:
            return bool(await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", database))
        finally:
            await connection.close()

    def start(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> Process:
        """Starts a process with its log in the lab's directory; it ends with the lab at the latest."""
        process = processes.start(
            name, command, os.environ if environment is None else environment, cwd, self.directory / f"{name}.log"
        )
        self._processes.append(process)
        return process

    async def stop(self, *chosen: Process) -> None:
        """Ends these processes."""
        await asyncio.to_thread(processes.end, chosen)
        self._processes = [process for process in self._processes if process not in chosen]

    async def stop_all(self) -> None:
        """Ends every process that is still running, but PostgreSQL and the broker."""
        await self.stop(*self._processes)

    async def ready(self, process: Process, url: str, within: float = 60) -> None:
        """Waits until `url` answers 200. Raises RuntimeError with the end of its log when the process ends instead."""

        async def probe() -> bool:
            if process.popen.poll() is not None:
                raise RuntimeError(f"{process.name} ended while starting:\n{process.tail()}")
            return await asyncio.to_thread(processes.answers, url)

        await eventually(probe, within=within, what=f"{process.name} at {url}")

    def cpu(self, pids: Iterable[int]) -> float:
        """CPU seconds used so far by these processes and all below them."""
        return processes.cpu_seconds(pids)

    @property
    def python(self) -> str:
        """The interpreter the product runs with."""
        return sys.executable
