"""Forgetting keeps up: everything that is over goes, in small commits, and a run that was cut off is gone on with."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import purge_done, purge_in_batches
from shared.database.durable import retention
from shared.web.service import INBOX_KEPT, OUTBOX_KEPT, purge_plumbing
from tests.support.plumbing import Schema, schema

__all__ = ["schema"]

_OLD = timedelta(days=30)


async def _fill(schema: Schema, old: int, young: int, days: int = 31) -> None:
    async with schema.database.work() as work:
        await work.session.execute(
            text(
                "INSERT INTO inbox (id, type, body, state, finished_at) SELECT gen_random_uuid(), 'test', '', 'done',"
                " now() - CASE WHEN n <= CAST(:old AS int) THEN make_interval(days => :days) ELSE interval '1 hour' END"
                " FROM generate_series(1, CAST(:old AS int) + CAST(:young AS int)) AS n"
            ),
            {"old": old, "young": young, "days": days},
        )


async def _count(schema: Schema, table: str = "inbox") -> int:
    async with schema.database.read() as session:
        return int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def test_one_run_forgets_all_that_is_over_and_nothing_else(schema: Schema) -> None:
    await _fill(schema, 25, 3)
    assert await purge_done(schema.database, schema.plumbing.inbox, _OLD, batch=10) == 25
    assert await _count(schema) == 3
    assert await purge_done(schema.database, schema.plumbing.inbox, _OLD, batch=10) == 0


async def test_a_run_that_is_cut_off_keeps_what_it_did_and_the_next_goes_on(schema: Schema) -> None:
    await _fill(schema, 25, 0)
    batches = 0

    async def delete(session: AsyncSession, most: int) -> int:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise ConnectionError("the database goes away")
        return await schema.plumbing.inbox.purge(session, _OLD, most)

    with pytest.raises(ConnectionError):
        await purge_in_batches(schema.database, delete, batch=10)
    assert await _count(schema) == 5
    assert await purge_in_batches(schema.database, delete, batch=10) == 5


async def test_a_run_ends_some_time(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_MOST_BATCHES", 2)
    await _fill(schema, 25, 0)
    assert await purge_done(schema.database, schema.plumbing.inbox, _OLD, batch=10) == 20
    assert await purge_done(schema.database, schema.plumbing.inbox, _OLD, batch=10) == 5


async def test_the_hourly_run_takes_more_than_one_batch_of_everything(schema: Schema) -> None:
    await _fill(schema, 11_000, 1, days=INBOX_KEPT.days + 1)
    async with schema.database.work() as work:
        await work.session.execute(
            text(
                "INSERT INTO outbox (id, type, subject, body, state, finished_at) SELECT gen_random_uuid(), 'test', '',"
                " '', 'done', now() - make_interval(days => :days) FROM generate_series(1, 11000)"
            ),
            {"days": OUTBOX_KEPT.days + 1},
        )
        await work.session.execute(
            text(
                "INSERT INTO idempotency_keys (owner, key, fingerprint, created_at)"
                " SELECT 'acc', 'key-' || n, '', now() - interval '3 days' FROM generate_series(1, 11000) AS n"
            )
        )
    await purge_plumbing(schema.database, schema.plumbing)
    assert [await _count(schema, table) for table in ("inbox", "outbox", "idempotency_keys")] == [1, 0, 0]
