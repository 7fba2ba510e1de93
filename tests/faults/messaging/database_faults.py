"""Errors that PostgreSQL itself raises, by trigger, inside the transactions of the services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.support.database import TestDatabase

# Every twentieth transaction is struck: half of them at a statement, half at the commit; by turns as a deadlock and as
# a serialization failure. A transaction that is run again has another number.
_STRIKE = """
CREATE SEQUENCE public.struck_now;
CREATE SEQUENCE public.struck_at_commit;
CREATE FUNCTION public.strike() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    number bigint := txid_current();
    turn bigint := (number / 20) % 4;
BEGIN
    IF number % 20 = 0 AND (turn < 2) = (TG_LEVEL = 'STATEMENT') THEN
        PERFORM nextval(CASE TG_LEVEL WHEN 'STATEMENT' THEN 'public.struck_now' ELSE 'public.struck_at_commit' END);
        RAISE EXCEPTION 'injected' USING ERRCODE = CASE turn % 2 WHEN 0 THEN '40P01' ELSE '40001' END;
    END IF;
    RETURN NULL;
END $$;
"""
_TRIGGERS = """
CREATE TRIGGER strike_now AFTER INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION public.strike();
CREATE CONSTRAINT TRIGGER strike_at_commit AFTER INSERT OR UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.strike();
"""
_FULL = """
CREATE TABLE public.disk (is_full boolean NOT NULL);
INSERT INTO public.disk VALUES (true);
CREATE FUNCTION public.no_space() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF (SELECT is_full FROM public.disk) THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END IF;
    RETURN NULL;
END $$;
"""
_FULL_TRIGGER = """
CREATE TRIGGER no_space AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION public.no_space();
"""


@asynccontextmanager
async def _administrator(database: TestDatabase) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database.admin_url)
    try:
        yield connection
    finally:
        await connection.close()


async def _every_table(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
        "WHERE schemaname = $1 AND tablename <> 'alembic_version' ORDER BY 1",
        schema,
    )
    return [str(row["name"]) for row in rows]


async def strike_transactions(database: TestDatabase, *schemas: str) -> None:
    """From now on one in twenty transactions that write in these schemas is rolled back by PostgreSQL."""
    async with _administrator(database) as connection:
        await connection.execute(_STRIKE)
        for schema in schemas:
            for table in await _every_table(connection, schema):
                await connection.execute(_TRIGGERS.format(table=table))


async def struck(database: TestDatabase) -> tuple[int, int]:
    """How many transactions were struck at a statement, and how many at their commit."""
    async with _administrator(database) as connection:
        counts = []
        for name in ("struck_now", "struck_at_commit"):
            row = await connection.fetchrow(f"SELECT last_value, is_called FROM public.{name}")
            assert row is not None
            counts.append(int(row["last_value"]) if row["is_called"] else 0)
        return counts[0], counts[1]


async def fill_disk(database: TestDatabase, *schemas: str) -> None:
    """From now on no row can be added in these schemas, until `free_disk`."""
    async with _administrator(database) as connection:
        await connection.execute(_FULL)
        for schema in schemas:
            for table in await _every_table(connection, schema):
                await connection.execute(_FULL_TRIGGER.format(table=table))


async def free_disk(database: TestDatabase) -> None:
    """There is space again."""
    async with _administrator(database) as connection:
        await connection.execute("UPDATE public.disk SET is_full = false")
