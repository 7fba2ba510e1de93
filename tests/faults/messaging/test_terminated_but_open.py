"""PostgreSQL terminates a connection (57P01) but its socket stays open, as behind a proxy: the connection is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.billing.adapters.intake import EventStore, IncomingEvent, Intake
from shared.database import Database, Listener, UnitOfWork, is_away
from shared.database.notify import Notifier
from shared.testing import eventually
from tests.support.database import TestDatabase

pytestmark = [pytest.mark.fault(24)]


@asynccontextmanager
async def without_close(url: str) -> AsyncIterator[str]:
    """The address of a way to the database that carries everything but PostgreSQL's closing of the connection."""
    target = urlsplit(url)
    tasks: set[asyncio.Task[None]] = set()
    open_ends: list[asyncio.StreamWriter] = []

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        await asyncio.Event().wait()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, outside = await asyncio.open_connection(target.hostname, target.port)
        open_ends.extend((writer, outside))
        tasks.update({asyncio.create_task(copy(reader, outside)), asyncio.create_task(copy(inside, writer))})

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    user = target.netloc.rpartition("@")[0]
    try:
        yield target._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for end in open_ends:
            end.close()


async def terminate(admin: "asyncpg.Connection[asyncpg.Record]", application: str) -> None:
    """Terminates the backends of that name, and lets their FATAL message arrive."""
    ended = await admin.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", application
    )
    assert ended, application
    await asyncio.sleep(0.3)


@pytest.fixture
async def admin(fresh_database: TestDatabase) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(fresh_database.admin_url)
    yield connection
    await connection.close()


async def test_a_listener_hears_again(
    fresh_database: TestDatabase, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    heard: list[str] = []
    async with without_close(fresh_database.admin_url) as url:
        listener = Listener(url, "support", "outbox")
        listener.on("outbox", heard.append)
        listener.start()
        await eventually(lambda: _is(heard == [""]))
        await terminate(admin, "support-listen")
        await eventually(lambda: _is(heard == ["", ""]), what="a second connection")
        await admin.execute("SELECT pg_notify('support_outbox', 'again')")
        await eventually(lambda: _is(heard == ["", "", "again"]))
        await listener.stop()


async def test_a_notifier_goes_on_notifying(
    fresh_database: TestDatabase, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    heard: list[str] = []
    await admin.add_listener("support_outbox", lambda *arguments: heard.append(arguments[-1]))
    async with without_close(fresh_database.admin_url) as url:
        notifier = Notifier(url, "support")
        notifier.poke("outbox:one")
        await eventually(lambda: _is(heard == ["one"]))
        running = notifier._task
        await terminate(admin, "support-notify")
        notifier.poke("outbox:lost")
        await asyncio.sleep(0.3)
        notifier.poke("outbox:two")
        await eventually(lambda: _is(heard == ["one", "two"]))
        assert notifier._task is running
        await notifier.close()


@pytest.mark.parametrize("within", [True, False], ids=["within a transaction", "between two"])
async def test_a_statement_over_it_finds_the_database_away(
    fresh_database: TestDatabase, admin: "asyncpg.Connection[asyncpg.Record]", within: bool
) -> None:
    async def change(work: UnitOfWork) -> None:
        pid = await work.session.scalar(text("SELECT pg_backend_pid()"))
        if within:
            await end(pid)
            await work.session.execute(text("SELECT 1"))
        ended.append(pid)

    async def end(pid: int) -> None:
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        await asyncio.sleep(0.3)

    ended: list[int] = []
    async with without_close(fresh_database.admin_url) as url:
        database = Database(url, "support")
        if not within:
            await database.run(change)
            await end(ended[0])
        with pytest.raises(DBAPIError) as raised:
            async with database.work() as work:
                await change(work)
        assert is_away(raised.value), repr(raised.value)
        async with database.work() as work:
            assert await work.session.scalar(text("SELECT 1")) == 1
    await database.close()


async def test_a_delivery_that_comes_next_is_stored(
    fresh_database: TestDatabase, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    def event(name: str) -> IncomingEvent:
        return IncomingEvent(name, "invoice.paid", None, datetime.now(UTC), False, "in_1", "{}")

    async with without_close(fresh_database.url("billing")) as url:
        intake = Intake(EventStore(url), lambda: None)
        await intake.store(event("evt_before"))
        ended = await admin.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ez_billing'")
        assert len(ended) == 1
        await asyncio.sleep(0.3)
        await intake.store(event("evt_after"))
        await intake.close()
    assert await admin.fetchval("SELECT count(*) FROM billing.stripe_events") == 2


async def _is(value: bool) -> bool:
    return value
