"""Fills a migrated database with the orders of two years, and all that hangs on them.

The rows are made inside the server, table by table, from one frame (`sql/`): nothing travels, memory stays flat, and
the same number of orders always gives the same rows. Secondary indexes and foreign keys wait until the rows are in.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg

SCHEMAS = ("catalog", "billing", "provisioning", "support", "identity")
_SQL = Path(__file__).parent / "sql"
_PARALLEL = 2  # the bench's machine has two cores
_SETTINGS = {
    "session_replication_role": "replica",  # no foreign key is checked row by row
    "synchronous_commit": "off",
    "maintenance_work_mem": "512MB",
    "work_mem": "128MB",
    "jit": "off",
}


async def load(admin_url: str, orders: int, say: Callable[[str], None] = lambda _text: None) -> None:
    """Loads `orders` orders into an empty migrated database with a seeded catalogue, and ANALYZEs every table."""
    await _script(
        admin_url,
        "CREATE SCHEMA load;"
        "CREATE FUNCTION load.orders() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE "
        f"AS 'SELECT {orders:d}::bigint'",
        (_SQL / "frame.sql").read_text(),
    )
    turn = asyncio.Semaphore(_PARALLEL)

    async def schema(name: str) -> None:
        async with turn:
            await _load_schema(admin_url, name)
            say(f"{orders:,} orders: {name} is in")

    await asyncio.gather(*(schema(name) for name in SCHEMAS))
    await _script(admin_url, "DROP SCHEMA load CASCADE")


async def _load_schema(admin_url: str, name: str) -> None:
    connection = await asyncpg.connect(admin_url, server_settings=_SETTINGS)
    try:
        indexes = await connection.fetch(_SECONDARY, name)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        await connection.execute((_SQL / f"{name}.sql").read_text())
        for index in indexes:
            await connection.execute(index["definition"])
        for table in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", name):
            # VACUUM, as autovacuum would have: index-only scans need the visibility map.
            await connection.execute(f"VACUUM (ANALYZE) {name}.{table['tablename']}")
        for sequence in await connection.fetch(_IDENTITIES, name):
            await connection.execute(sequence["catch_up"])
    finally:
        await connection.close()


async def size_of(admin_url: str) -> int:
    """How many bytes the database takes."""
    connection = await asyncpg.connect(admin_url)
    try:
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await connection.close()


async def _script(admin_url: str, *statements: str) -> None:
    connection = await asyncpg.connect(admin_url, server_settings=_SETTINGS)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


_SECONDARY = """
    SELECT format('%I.%I', schemaname, indexname) AS name, indexdef AS definition
      FROM pg_indexes
     WHERE schemaname = $1
       AND NOT EXISTS (SELECT FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid = connamespace
                        WHERE conname = indexname AND nspname = schemaname)
"""
# Rows with numbers of ours were inserted beside the sequences that give the next ones.
_IDENTITIES = """
    SELECT format('SELECT setval(%L, greatest((SELECT max(%I) FROM %I.%I), 1))',
                  pg_get_serial_sequence(format('%I.%I', table_schema, table_name), column_name),
                  column_name, table_schema, table_name) AS catch_up
      FROM information_schema.columns
     WHERE table_schema = $1 AND is_identity = 'YES'
"""
