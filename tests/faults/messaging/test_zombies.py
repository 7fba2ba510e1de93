"""A worker that was frozen past its lease wakes up: somebody else owns its row, and its late write is refused."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text

from shared.database import LeaseLost
from shared.messaging import NotConfirmed
from tests.faults.messaging import zombies
from tests.faults.messaging.zombies import Zombie
from tests.support.database import TestDatabase

pytestmark = pytest.mark.fault(33)

TABLES: dict[str, Callable[[TestDatabase], Any]] = {
    "jobs": zombies.jobs,
    "stripe_events": zombies.stripe_events,
    "outbox, confirmed late": zombies.outbox(None),
    "outbox, refused late": zombies.outbox(NotConfirmed("too late")),
    "inbox": zombies.inbox,
    "notifications": zombies.notifications_,
}
every_table = pytest.mark.parametrize("table", TABLES)


async def rows(zombie: Zombie) -> list[dict[str, Any]]:
    """Every row of the table, with all of its columns."""
    async with zombie.database.read() as session:
        found = await session.execute(text(f"SELECT * FROM {zombie.table} ORDER BY id"))
        return [dict(row) for row in found.mappings()]


async def expire_leases(zombie: Zombie) -> None:
    """Time goes by."""
    async with zombie.database.work() as work:
        past = "clock_timestamp() - interval '1 second'"
        await work.session.execute(text(f"UPDATE {zombie.table} SET next_attempt_at = {past} WHERE state = 'ready'"))


async def refused(zombie: Zombie) -> None:
    """The zombie goes on. Where it has nothing to say but "done", its write finds no row and that is all."""
    with suppress(LeaseLost):
        await zombie.wake()


@every_table
async def test_a_zombie_that_wakes_after_its_successor_finished_changes_nothing(
    fresh_database: TestDatabase, table: str
) -> None:
    async with TABLES[table](fresh_database) as zombie:
        await zombie.hold()
        await expire_leases(zombie)
        await zombie.succeed()
        before, effects = await rows(zombie), await zombie.effects()
        assert [row["state"] for row in before][-1] == "done"
        await refused(zombie)
        assert await rows(zombie) == before
        assert await zombie.effects() == effects


@every_table
async def test_a_zombie_that_wakes_while_its_successor_works_changes_nothing(
    fresh_database: TestDatabase, table: str
) -> None:
    async with TABLES[table](fresh_database) as zombie:
        await zombie.hold()
        async with zombie.database.work() as work:  # the successor has claimed it, and works
            await work.session.execute(
                text(f"UPDATE {zombie.table} SET lease_token = gen_random_uuid(), attempts = 2 WHERE state = 'ready'")
            )
        before = await rows(zombie)
        assert before[-1]["state"] == "ready"
        await refused(zombie)
        assert await rows(zombie) == before


async def test_a_worker_frozen_inside_a_transaction_does_not_hold_its_rows_for_ever(
    fresh_database: TestDatabase,
) -> None:
    """Its row locks are older than any lease: PostgreSQL must end the session of a client that fell silent."""
    async with zombies.jobs(fresh_database) as zombie, zombie.database.read() as session:
        shown = await session.scalar(
            text("SELECT setting::int FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'")
        )
        assert 0 < int(shown or 0) <= 120_000
