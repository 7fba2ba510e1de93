"""Rows handled together: one transaction for all, and one bad row costs its neighbours nothing."""

import asyncio
import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import insert, select, update

from shared.database import BatchWorker, Claimed, DurableQueue, FailureClass, HandlingFailed, LeaseLost
from shared.testing import eventually
from tests.support.plumbing import Schema, schema

__all__ = ["schema"]


def _queue(schema: Schema) -> DurableQueue:
    return DurableQueue("inbox", schema.plumbing.inbox_table)


async def _put(schema: Schema, count: int) -> list[uuid.UUID]:
    ids = [uuid.uuid4() for _ in range(count)]
    async with schema.database.work() as work:
        rows = [{"id": row_id, "type": "test", "body": b"{}"} for row_id in ids]
        await work.session.execute(insert(schema.plumbing.inbox_table), rows)
    return ids


async def _states(schema: Schema) -> dict[uuid.UUID, str]:
    table = schema.plumbing.inbox_table
    async with schema.database.read() as session:
        return {row.id: row.state for row in await session.execute(select(table.c.id, table.c.state))}


async def _work_until(schema: Schema, worker: BatchWorker, wanted: dict[uuid.UUID, str]) -> None:
    async def settled() -> bool:
        return await _states(schema) == wanted

    running = asyncio.create_task(worker.run())
    try:
        await eventually(settled)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_rows_that_are_due_together_share_one_transaction(schema: Schema) -> None:
    ids, queue, batches = await _put(schema, 20), _queue(schema), []

    async def together(items: Sequence[Claimed]) -> None:
        batches.append(len(items))
        async with schema.database.work() as work:
            await queue.complete_each(work.session, [(item, {}) for item in items])

    async def alone(item: Claimed) -> None:
        raise AssertionError(f"{item.id} was not handled with the others")

    await _work_until(schema, BatchWorker(schema.database, queue, together, alone), dict.fromkeys(ids, "done"))
    assert batches == [20]


async def test_a_poisoned_row_fails_alone(schema: Schema) -> None:
    ids, queue = await _put(schema, 5), _queue(schema)

    async def together(items: Sequence[Claimed]) -> None:
        async with schema.database.work() as work:
            for item in items:
                await queue.complete(work.session, item)
                if item.id == ids[2]:
                    raise HandlingFailed("unreadable", FailureClass.PERMANENT)

    async def alone(item: Claimed) -> None:
        await together([item])

    wanted = dict.fromkeys(ids, "done") | {ids[2]: "dead"}
    await _work_until(schema, BatchWorker(schema.database, queue, together, alone), wanted)


async def test_a_batch_that_lost_one_of_its_rows_changes_none(schema: Schema) -> None:
    ids, queue, table = await _put(schema, 3), _queue(schema), schema.plumbing.inbox_table
    async with schema.database.work() as work:
        claimed = await queue.claim(work.session, 10)
    async with schema.database.work() as work:
        await work.session.execute(update(table).where(table.c.id == ids[1]).values(lease_token=uuid.uuid4()))
    with pytest.raises(LeaseLost):
        async with schema.database.work() as work:
            await queue.complete_each(work.session, [(item, {}) for item in claimed])
    assert set((await _states(schema)).values()) == {"ready"}


async def test_a_batch_that_is_stopped_gives_its_rows_back_at_once(schema: Schema) -> None:
    ids, queue, started = await _put(schema, 3), _queue(schema), asyncio.Event()

    async def together(_items: Sequence[Claimed]) -> None:
        started.set()
        await asyncio.sleep(3600)

    async def alone(_item: Claimed) -> None:
        raise AssertionError("the batch was stopped, not divided")

    running = asyncio.create_task(BatchWorker(schema.database, queue, together, alone).run())
    await asyncio.wait_for(started.wait(), 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with schema.database.work() as work:
        again = await queue.claim(work.session, 10)
    assert {(item.id, item.attempt) for item in again} == {(row_id, 1) for row_id in ids}
