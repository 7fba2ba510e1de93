"""What imports cannot see, PostgreSQL refuses: a service's role reads and writes its own schema, and no other."""

import asyncpg
import pytest

from shared.database.migrations import differences
from tests.support.database import SERVICES, TestDatabase

PAIRS = [(reader, owner) for reader in SERVICES for owner in SERVICES if reader != owner]


@pytest.mark.parametrize(("reader", "owner"), PAIRS)
async def test_no_service_can_touch_anothers_tables(fresh_database: TestDatabase, reader: str, owner: str) -> None:
    connection = await asyncpg.connect(fresh_database.url(reader))
    try:
        for statement in (
            f"SELECT 1 FROM {owner}.outbox",
            f"DELETE FROM {owner}.inbox",
            f"CREATE TABLE {owner}.intruder (id int)",
            f"SET ROLE ez_{owner}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        assert await connection.fetchval(f"SELECT count(*) FROM {reader}.outbox") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_can_do_nothing_outside_its_schema(fresh_database: TestDatabase, service: str) -> None:
    connection = await asyncpg.connect(fresh_database.url(service))
    try:
        for statement in ("CREATE TABLE public.intruder (id int)", "CREATE ROLE intruder", "CREATE SCHEMA intruder"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_the_migrations_make_what_the_models_say(fresh_database: TestDatabase, service: str) -> None:
    await differences(fresh_database.url(service), service)
