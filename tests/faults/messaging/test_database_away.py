"""PostgreSQL is stopped at once, or frozen, under load: health says so, nothing is half done, all of it goes on."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from ez.embedded.postgres import EmbeddedPostgres
from ez.services import compose
from shared.contracts.identity import UserRegistered
from shared.database import Listener, UnitOfWork, is_away
from shared.database.migrations import ensure_schema, upgrade
from shared.messaging import LocalBroker, LocalTransport
from shared.testing import eventually
from shared.web.service import Service
from tests.faults.messaging.parts import registered
from tests.support.database import TestDatabase, free_port
from tests.support.house import house_environment

pytestmark = [pytest.mark.fault(24)]

FROZEN = 12.0


class Server(EmbeddedPostgres):
    """A PostgreSQL whose processes can be stopped and frozen. It keeps its promises: fsync is on."""

    def stop_at_once(self) -> None:
        """PostgreSQL's "immediate" shutdown: no checkpoint, crash recovery at the next start."""
        assert self._server is not None
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(20)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The postmaster and every backend stand still; connections stay open and are not answered."""
        family = self._family()
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(family):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _family(self) -> list[int]:
        assert self.pid is not None
        found = [self.pid]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == self.pid:
                    found.append(int(stat.parent.name))
        return found


@dataclass
class House:
    """Identity and support on one bus inside this process, over a server of their own."""

    server: Server
    identity: Service
    support: Service
    accepted: list[str] = field(default_factory=list)
    refused: list[Exception] = field(default_factory=list)

    async def sign_ups(self) -> None:
        """People sign up, steadily; those who were refused were told so."""
        while True:
            await self.sign_up()
            await asyncio.sleep(0.02)

    async def sign_up(self) -> None:
        fact = registered()

        async def change(work: UnitOfWork) -> UserRegistered:
            work.publish(fact)
            return fact

        try:
            await self.identity.database.run(change)
        except Exception as error:
            if not is_away(error):
                raise
            self.refused.append(error)
        else:
            self.accepted.append(fact.user_id)

    async def accepts(self, more: int) -> None:
        """Waits until this many more were accepted."""
        wanted = len(self.accepted) + more

        async def reached() -> bool:
            return len(self.accepted) >= wanted

        await eventually(reached)

    async def health(self) -> set[int]:
        """What both APIs answer on /health/ready."""
        answers = set()
        for service in (self.identity, self.support):
            transport = httpx.ASGITransport(service.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service", timeout=10) as client:
                answers.add((await client.get("/health/ready")).status_code)
        return answers

    async def is_healthy(self) -> bool:
        """Whether both are ready."""
        return await self.health() == {200}

    async def column(self, service: Service, statement: str) -> list[str]:
        """The values a statement finds."""
        async with service.database.read() as session:
            return [str(value) for value in await session.scalars(text(statement))]

    async def balanced(self) -> bool:
        """What was recorded was sent, arrived and had its effect, each once."""
        sent = await self.column(self.identity, "SELECT id FROM identity.outbox ORDER BY id")
        assert await self.column(self.identity, "SELECT DISTINCT state FROM identity.outbox") == ["done"]
        assert await self.column(self.support, "SELECT id FROM support.inbox WHERE state = 'done' ORDER BY id") == sent
        assert await self.column(self.support, "SELECT id FROM support.inbox WHERE state <> 'done'") == []
        assert len(await self.column(self.support, "SELECT user_id FROM support.contacts")) == len(sent)
        return True


@pytest_asyncio.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Both services with their workers running."""
    with tempfile.TemporaryDirectory(prefix="ez-away-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        server = Server(Path(directory) / "pg", free_port(), durable=True)
        await server.start()
        database = TestDatabase(server.admin_url)
        for name in ("identity", "support"):
            await ensure_schema(database.admin_url, database.url(name), name)
            await upgrade(database.url(name), name)
        broker = LocalBroker({"support": (UserRegistered.wire_type,)})
        with house_environment(monkeypatch, database.admin_url):
            for name in ("identity", "support"):
                monkeypatch.setenv(f"{name.upper()}_DATABASE_URL", database.url(name))
            services = [compose(name, LocalTransport(broker)) for name in ("identity", "support")]
        workers = [asyncio.create_task(service.worker.run()) for service in services]
        try:
            yield House(server, services[0], services[1])
        finally:
            for task in workers:
                task.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            for service in services:
                await service.database.close()
            await server.stop()


async def test_an_immediate_stop_under_load_leaves_no_half_state_and_everything_goes_on_by_itself(
    house: House,
) -> None:
    await eventually(house.is_healthy)
    running = asyncio.create_task(house.sign_ups())
    try:
        await house.accepts(50)
        await asyncio.to_thread(house.server.stop_at_once)
        assert await house.health() == {503}
        await house.server.start()
        await eventually(house.is_healthy)
        await house.accepts(50)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert house.refused, "nobody was told that it did not work"
    await eventually(house.balanced)
    subjects = await house.column(house.identity, "SELECT subject FROM identity.outbox")
    assert set(house.accepted) <= set(subjects)


async def test_a_freeze_under_load_is_seen_and_ends_without_a_trace(house: House) -> None:
    await eventually(house.is_healthy)
    running = [asyncio.create_task(house.sign_ups()) for _ in range(4)]
    try:
        await house.accepts(50)
        with house.server.frozen():
            thaw = asyncio.get_running_loop().time() + FROZEN
            assert await house.health() == {503}
            await asyncio.sleep(max(0.0, thaw - asyncio.get_running_loop().time()))
        await eventually(house.is_healthy)
        await house.accepts(50)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    await eventually(house.balanced)
    subjects = await house.column(house.identity, "SELECT subject FROM identity.outbox")
    assert set(house.accepted) <= set(subjects)


async def test_wake_up_calls_work_again_after_the_server_came_back(house: House) -> None:
    """Both ends of them: who sends NOTIFY has lost its connection, and so has who LISTENs."""
    calls: list[str] = []
    listener = Listener(house.identity.database.url, "identity", "outbox")
    listener.on("outbox", calls.append)
    listener.start()

    async def called() -> bool:
        return bool(calls)

    try:
        await eventually(called)
        calls.clear()
        await house.sign_up()
        await eventually(called, what="a call before the stop, so that both ends are connected")
        await asyncio.to_thread(house.server.stop_at_once)
        await house.server.start()
        calls.clear()
        await eventually(called, what="a call after the reconnection, because something may have been missed")
        calls.clear()
        await eventually(house.is_healthy)
        await house.sign_up()
        await eventually(called, what="a call after a commit")
    finally:
        await listener.stop()
