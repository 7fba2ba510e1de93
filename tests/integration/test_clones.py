"""A test cannot tell whether another has used its database before."""

import asyncio

import asyncpg
import pytest

from tests.support.clones import Clones, TestDatabase, administer, connected

_ROW = (
    "INSERT INTO support.notifications (id, dedupe_key, template, recipient, recipient_name, context) "
    "VALUES (gen_random_uuid(), 'one', 'receipt', 'a@example.com', 'A', '{}')"
)


@pytest.fixture
def own(clones: Clones) -> Clones:
    """A store without spare databases."""
    return Clones(clones.server_url, clones.template)


async def _again(own: Clones, database: TestDatabase) -> TestDatabase:
    await own.give_back(database)
    return await own.take()


async def _oid(database: TestDatabase) -> int:
    async with connected(database.admin_url) as connection:
        return int(await connection.fetchval("SELECT oid FROM pg_database WHERE datname = current_database()"))


async def test_rows_and_numbers_of_the_test_before_are_gone(own: Clones) -> None:
    first = await own.take()
    oid = await _oid(first)
    await administer(first.admin_url, _ROW, "SELECT nextval('catalog.order_history_id_seq')")
    second = await _again(own, first)
    assert await _oid(second) == oid  # used again, not copied again
    async with connected(second.admin_url) as connection:
        assert await connection.fetchval("SELECT count(*) FROM support.notifications") == 0
        assert await connection.fetchval("SELECT nextval('catalog.order_history_id_seq')") == 1
        assert await connection.fetchval("SELECT count(*) FROM catalog.alembic_version") == 1
    await own.give_back(second)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE catalog.another (id int)",
        "ALTER TABLE catalog.orders DISABLE TRIGGER ALL",
        "DROP INDEX catalog.ix_orders_unpaid",
        "REVOKE USAGE ON SCHEMA catalog FROM ez_catalog",
        "CREATE FUNCTION catalog.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ANALYZE support.notifications",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 1', current_database()); END $$",
        "DO $$ BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()); END $$",
    ],
)
async def test_a_database_that_a_test_has_changed_is_not_used_again(own: Clones, change: str) -> None:
    first = await own.take()
    oid = await _oid(first)
    await administer(first.admin_url, _ROW, change)
    second = await _again(own, first)
    assert await _oid(second) != oid
    await own.give_back(second)


async def test_a_database_that_has_grown_is_not_used_again(own: Clones) -> None:
    first = await own.take()
    oid = await _oid(first)
    many = _ROW.replace("VALUES (gen_random_uuid(), 'one'", "SELECT gen_random_uuid(), lpad(n::text, 100, 'x')")
    await administer(first.admin_url, many.replace("'{}')", "'{}' FROM generate_series(1, 10000) AS n"))
    second = await _again(own, first)
    assert await _oid(second) != oid
    await own.give_back(second)


async def test_what_a_test_has_left_running_finds_no_database(own: Clones) -> None:
    first = await own.take()
    left = await asyncpg.connect(first.admin_url)
    second = await _again(own, first)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await left.fetch("SELECT 1")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(first.admin_url)
    await own.give_back(second)


async def test_two_tests_at_once_have_two_databases(own: Clones) -> None:
    first, second = await asyncio.gather(own.take(), own.take())
    assert await _oid(first) != await _oid(second)
    await asyncio.gather(own.give_back(first), own.give_back(second))
