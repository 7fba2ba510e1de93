"""Troubles of PostgreSQL and RabbitMQ are real, end by themselves, and lose nothing that was acknowledged."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from ez.embedded.postgres import EmbeddedPostgres
from tests.chaos.servers import Servers
from tests.chaos.transactions import Transactions
from tests.support.database import TestDatabase, free_port
from tests.support.rabbitmq import OwnBroker

TRIES = 600


@pytest_asyncio.fixture
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A server of this test's own, which keeps what it acknowledges."""
    with tempfile.TemporaryDirectory(prefix="ez-test-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        server = EmbeddedPostgres(Path(directory) / "pg", free_port(), durable=True)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@pytest.mark.parametrize("trouble", ["kill_postgres", "stop_postgres_at_once"])
async def test_a_killed_postgres_comes_back_with_every_acknowledged_commit(
    postgres: EmbeddedPostgres, tmp_path: Path, trouble: str
) -> None:
    connection = await asyncpg.connect(postgres.admin_url)
    await connection.execute("CREATE TABLE kept (number int)")
    for number in range(50):
        await connection.execute("INSERT INTO kept VALUES ($1)", number)
    servers = Servers(postgres, OwnBroker(tmp_path))
    await getattr(servers, trouble)()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("SELECT 1")
    again = await asyncpg.connect(postgres.admin_url)
    assert await again.fetchval("SELECT count(*) FROM kept") == 50
    assert servers.restarts == Counter(postgres=1)
    await again.close()


async def test_a_frozen_postgres_answers_only_after_it_thawed(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    connection = await asyncpg.connect(postgres.admin_url)
    freezing = asyncio.create_task(Servers(postgres, OwnBroker(tmp_path)).freeze_postgres(2.0))
    await asyncio.sleep(0.5)
    asked = asyncio.create_task(connection.fetchval("SELECT 1"))
    done, _waiting = await asyncio.wait({asked}, timeout=0.5)
    assert not done
    await freezing
    assert await asyncio.wait_for(asked, 60) == 1
    await connection.close()


@pytest.mark.needs("rabbitmq-server")
async def test_a_killed_broker_comes_back_on_its_port(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    broker = OwnBroker(tmp_path)
    await asyncio.to_thread(broker.start)
    try:
        before = broker.pids()
        await Servers(EmbeddedPostgres(tmp_path / "pg", free_port()), broker).kill_broker()
        assert len(before) == len(broker.pids()) == 1
        assert before != broker.pids()
    finally:
        await asyncio.to_thread(broker.stop)


async def test_one_transaction_of_twenty_fails_at_once_or_at_its_commit(fresh_database: TestDatabase) -> None:
    transactions = Transactions(fresh_database.admin_url, seed=3)
    assert await transactions.install() > 40
    connection = await asyncpg.connect(fresh_database.url("support"))
    seen: Counter[str] = Counter()

    async def attempt(number: int) -> None:
        transaction, where = connection.transaction(), "commit"
        await transaction.start()
        try:
            await connection.execute(
                "INSERT INTO support.contacts (user_id, account_id, email, name, locale, created_at) "
                "VALUES (gen_random_uuid(), gen_random_uuid(), 'a@b.example', $1, 'en', now())",
                str(number),
            )
        except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError) as error:
            where = f"statement {error.sqlstate}"
            await transaction.rollback()
        else:
            try:
                await transaction.commit()
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError) as error:
                where = f"commit {error.sqlstate}"
        seen[where] += 1

    for number in range(TRIES):
        await attempt(number)
    assert {"statement 40001", "statement 40P01", "commit 40001", "commit 40P01"} < set(seen)
    failed = TRIES - seen["commit"]
    assert TRIES * 0.02 < failed < TRIES * 0.1
    assert sum((await transactions.count()).values()) == failed
    assert await connection.fetchval("SELECT count(*) FROM support.contacts") == TRIES - failed
    await transactions.switch_off()
    seen.clear()
    for number in range(200):
        await attempt(number)
    assert seen == Counter(commit=200)
    await connection.close()
