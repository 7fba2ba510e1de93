"""Durable rows: claimed by one, finished by its owner only, given up visibly, replayable."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from shared.database import Claimed, DurableQueue, DurableWorker, FailureClass, HandlingFailed, LeaseLost
from shared.database.durable import overdue_seconds
from shared.testing import eventually
from tests.support.plumbing import Schema, schema

__all__ = ["schema"]


def _queue(schema: Schema, **options: Any) -> DurableQueue:
    return DurableQueue("inbox", schema.plumbing.inbox_table, **options)


async def _put(schema: Schema, count: int = 1) -> list[uuid.UUID]:
    ids = [uuid.uuid4() for _ in range(count)]
    async with schema.database.work() as work:
        rows = [{"id": row_id, "type": "test", "body": b"{}"} for row_id in ids]
        await work.session.execute(insert(schema.plumbing.inbox_table), rows)
    return ids


async def _claim(schema: Schema, queue: DurableQueue, limit: int = 10) -> list[Claimed]:
    async with schema.database.work() as work:
        return await queue.claim(work.session, limit)


async def _row(schema: Schema, row_id: uuid.UUID) -> Any:
    table = schema.plumbing.inbox_table
    async with schema.database.read() as session:
        return (await session.execute(select(table).where(table.c.id == row_id))).mappings().one()


async def _expire_lease(schema: Schema, row_id: uuid.UUID) -> None:
    table = schema.plumbing.inbox_table
    async with schema.database.work() as work:
        past = func.clock_timestamp() - timedelta(seconds=1)
        await work.session.execute(update(table).where(table.c.id == row_id).values(next_attempt_at=past))


async def test_two_workers_that_claim_together_never_get_the_same_row(schema: Schema) -> None:
    await _put(schema, 40)
    queue = _queue(schema)
    claims = await asyncio.gather(*(_claim(schema, queue, 10) for _ in range(6)))
    taken = [item.id for claim in claims for item in claim]
    assert len(taken) == len(set(taken))
    rest = await _claim(schema, queue, 100)
    assert len(taken) + len(rest) == 40


async def test_a_claimed_row_is_hidden_until_its_lease_ends(schema: Schema) -> None:
    (row_id,) = await _put(schema)
    queue = _queue(schema)
    (first,) = await _claim(schema, queue)
    assert await _claim(schema, queue) == []
    await _expire_lease(schema, row_id)
    (second,) = await _claim(schema, queue)
    assert (second.id, second.attempt) == (first.id, 2)


@pytest.mark.fault(33)
async def test_a_worker_that_overslept_its_lease_cannot_write(schema: Schema) -> None:
    (row_id,) = await _put(schema)
    queue = _queue(schema)
    (zombie,) = await _claim(schema, queue)
    await _expire_lease(schema, row_id)
    (owner,) = await _claim(schema, queue)
    for write in (queue.complete, queue.extend):
        with pytest.raises(LeaseLost):
            async with schema.database.work() as work:
                await write(work.session, zombie)
    with pytest.raises(LeaseLost):
        async with schema.database.work() as work:
            await queue.fail(work.session, zombie, RuntimeError("late"))
    async with schema.database.work() as work:
        await queue.complete(work.session, owner)
    assert (await _row(schema, row_id))["state"] == "done"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RuntimeError("boom"), "ready"),
        (HandlingFailed("never", FailureClass.PERMANENT), "dead"),
        (HandlingFailed("who knows", FailureClass.AMBIGUOUS), "ready"),
        (HandlingFailed("ask", FailureClass.NEEDS_HUMAN), "parked"),
    ],
)
async def test_the_failure_class_decides_what_becomes_of_a_row(schema: Schema, error: Exception, state: str) -> None:
    (row_id,) = await _put(schema)
    queue = _queue(schema)
    (item,) = await _claim(schema, queue)
    async with schema.database.work() as work:
        assert await queue.fail(work.session, item, error) == state
    row = await _row(schema, row_id)
    assert row["state"] == state
    assert row["last_error"]
    assert row["lease_token"] is None


async def test_attempts_are_bounded_and_the_dead_can_be_replayed(schema: Schema) -> None:
    (row_id,) = await _put(schema)
    queue = _queue(schema, max_attempts=3, first_wait=0.0)
    states = []
    for _ in range(3):
        (item,) = await _claim(schema, queue)
        async with schema.database.work() as work:
            states.append(await queue.fail(work.session, item, RuntimeError("boom")))
    assert states == ["ready", "ready", "dead"]
    assert await _claim(schema, queue) == []
    async with schema.database.work() as work:
        assert await queue.replay(work.session, row_id)
        assert not await queue.replay(work.session, row_id)
    (again,) = await _claim(schema, queue)
    assert again.attempt == 1


async def test_waiting_is_not_an_attempt(schema: Schema) -> None:
    await _put(schema)
    queue = _queue(schema)
    (item,) = await _claim(schema, queue)
    async with schema.database.work() as work:
        await queue.postpone(work.session, item, 0)
    (again,) = await _claim(schema, queue)
    assert again.attempt == 1


async def test_hurrying_starts_no_second_runner(schema: Schema) -> None:
    (row_id,) = await _put(schema)
    queue = _queue(schema)
    await _claim(schema, queue)
    async with schema.database.work() as work:
        assert not await queue.make_due(work.session, row_id)
    assert await _claim(schema, queue) == []


def test_the_wait_between_attempts_grows_and_is_capped(schema: Schema) -> None:
    queue = _queue(schema, first_wait=1, longest_wait=60)
    waits = [queue.backoff(attempt) for attempt in range(1, 40)]
    assert all(0.5 <= wait <= 60 for wait in waits)
    assert 0.5 <= waits[0] <= 1
    assert min(waits[10:]) >= 30


async def test_a_worker_handles_every_row_once_and_survives_a_bad_one(schema: Schema) -> None:
    ids = await _put(schema, 30)
    queue = _queue(schema, first_wait=0.0, max_attempts=2)
    handled: list[uuid.UUID] = []

    async def handle(item: Claimed) -> None:
        if item.id == ids[0]:
            raise RuntimeError("poison")
        handled.append(item.id)
        async with schema.database.work() as work:
            await queue.complete(work.session, item)

    worker = asyncio.create_task(DurableWorker(schema.database, queue, handle, poll=0.05).run())

    async def all_settled() -> bool:
        rows = [await _row(schema, row_id) for row_id in ids]
        return all(row["state"] in ("done", "dead") for row in rows)

    await eventually(all_settled)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    assert sorted(handled) == sorted(ids[1:])
    assert (await _row(schema, ids[0]))["state"] == "dead"


async def test_a_long_handler_keeps_its_lease(schema: Schema) -> None:
    await _put(schema)
    queue = _queue(schema, lease=0.6)
    runs: list[int] = []

    async def slow(item: Claimed) -> None:
        runs.append(item.attempt)
        await asyncio.sleep(2)
        async with schema.database.work() as work:
            await queue.complete(work.session, item)

    workers = [asyncio.create_task(DurableWorker(schema.database, queue, slow, poll=0.05).run()) for _ in range(2)]
    await asyncio.sleep(3)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert runs == [1]


async def test_a_worker_that_is_stopped_gives_its_rows_back_at_once(schema: Schema) -> None:
    (row_id,) = await _put(schema)
    queue = _queue(schema)
    started = asyncio.Event()

    async def endless(_item: Claimed) -> None:
        started.set()
        await asyncio.sleep(3600)

    worker = asyncio.create_task(DurableWorker(schema.database, queue, endless, poll=0.05).run())
    await asyncio.wait_for(started.wait(), 60)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    (again,) = await _claim(schema, queue)
    assert (again.id, again.attempt) == (row_id, 1)


async def test_how_long_the_oldest_row_has_been_due_is_known(schema: Schema) -> None:
    queue = _queue(schema)
    assert await overdue_seconds(schema.database, queue) == 0
    (row_id,) = await _put(schema)
    past = func.clock_timestamp() - timedelta(seconds=90)
    async with schema.database.work() as work:
        table = schema.plumbing.inbox_table
        await work.session.execute(update(table).where(table.c.id == row_id).values(next_attempt_at=past))
    assert await overdue_seconds(schema.database, queue) >= 90
