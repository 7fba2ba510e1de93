"""Deadlocks and serialization failures, raised by PostgreSQL itself in one transaction of twenty.

Triggers on every table of the five schemas look at the transaction's own id: a few numbers out of a thousand fail at
their first write, as many at their COMMIT. A transaction that is tried again has another id, and another chance.
"""

import asyncpg

from tests.chaos.schedule import SERVICES

# Of a thousand transaction ids: so many fail at once with either code, and so many more at their commit.
_AT_ONCE, _AT_COMMIT = 25, 25
_MARK = "chaos: planned"

_FUNCTION = """
CREATE OR REPLACE FUNCTION chaos.{name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $chaos$
DECLARE slot bigint;
BEGIN
    slot := mod(abs(hashint8extended(pg_current_xact_id()::text::bigint, {seed})), 1000);
    IF slot >= {first} AND slot < {first} + {width} THEN
        IF mod(slot, 2) = 0 THEN
            PERFORM nextval('chaos.serialization_failures');
            RAISE EXCEPTION '{mark} serialization failure' USING ERRCODE = '40001';
        END IF;
        PERFORM nextval('chaos.deadlocks');
        RAISE EXCEPTION '{mark} deadlock' USING ERRCODE = '40P01';
    END IF;
    RETURN NULL;
END $chaos$
"""
_COUNTED = ("serialization_failures", "deadlocks")


class Transactions:
    """Installs the triggers, switches them, counts what they did. `url` is a superuser's address."""

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._seed = seed

    async def install(self) -> int:
        """Puts the triggers on every table and switches them on; says how many tables there are."""
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute("CREATE SCHEMA chaos")
            for sequence in _COUNTED:
                await connection.execute(f"CREATE SEQUENCE chaos.{sequence} MINVALUE 0")
            await self._switch(connection, _AT_ONCE, _AT_COMMIT)
            tables = await connection.fetch(
                "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
                "WHERE schemaname = ANY($1) AND tablename <> 'alembic_version'",
                list(SERVICES),
            )
            for row in tables:
                await connection.execute(
                    f"CREATE TRIGGER chaos_at_once AFTER INSERT OR UPDATE OR DELETE ON {row['name']} "
                    "FOR EACH STATEMENT EXECUTE FUNCTION chaos.at_once()"
                )
                await connection.execute(
                    f"CREATE CONSTRAINT TRIGGER chaos_at_commit AFTER INSERT OR UPDATE OR DELETE ON {row['name']} "
                    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos.at_commit()"
                )
            return len(tables)
        finally:
            await connection.close()

    async def switch_off(self) -> None:
        """No transaction fails any more. The triggers stay: removing them would need locks on every table."""
        connection = await asyncpg.connect(self._url)
        try:
            await self._switch(connection, 0, 0)
        finally:
            await connection.close()

    async def _switch(self, connection: "asyncpg.Connection[asyncpg.Record]", at_once: int, at_commit: int) -> None:
        for name, first, width in (("at_once", 0, at_once), ("at_commit", 500, at_commit)):
            statement = _FUNCTION.format(name=name, seed=self._seed, first=first, width=width, mark=_MARK)
            await connection.execute(statement)

    async def count(self) -> dict[str, int]:
        """How many of each were raised. Sequences keep counting where transactions roll back; a crash of the server
        may have skipped some of their numbers."""
        connection = await asyncpg.connect(self._url)
        try:
            return {
                name: int(await connection.fetchval(f"SELECT last_value + is_called::int FROM chaos.{name}"))
                for name in _COUNTED
            }
        finally:
            await connection.close()
