"""Forgetting in small transactions: as much as has to go, whatever the rate it comes at.

Each batch is committed by itself, so a run holds no lock for long, and one that is cut off has lost nothing.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.durable.queue import DurableQueue
from shared.database.engine import Database

_BATCH = 5000
# A run ends some time, so that whoever holds the clock's lock gives it back; the next one goes on.
_MOST_BATCHES = 2000


async def purge_in_batches(
    database: Database, delete: Callable[[AsyncSession, int], Awaitable[int]], *, batch: int = _BATCH
) -> int:
    """Calls `delete(session, batch)` until it finds fewer rows than that; returns how many are gone.

    `delete` removes up to that many rows and says how many they were.
    """
    gone = 0
    for _ in range(_MOST_BATCHES):
        async with database.work() as work:
            deleted = await delete(work.session, batch)
        gone += deleted
        if deleted < batch:
            break
    return gone


async def purge_rows(
    database: Database, table: Table, over: ColumnElement[bool], *, oldest: ColumnElement[Any], batch: int = _BATCH
) -> int:
    """Deletes every row that is `over`, those with the least `oldest` (an indexed column) first; returns how many."""
    columns = list(table.primary_key.columns)

    async def forget(session: AsyncSession, most: int) -> int:
        first = select(*columns).where(over).order_by(oldest).limit(most)
        gone = await session.execute(delete(table).where(tuple_(*columns).in_(first)).returning(literal(1)))
        return len(gone.all())

    return await purge_in_batches(database, forget, batch=batch)


async def purge_done(database: Database, queue: DurableQueue, older_than: timedelta, *, batch: int = _BATCH) -> int:
    """Deletes every row of the queue that was done longer ago than `older_than`; returns how many."""
    return await purge_in_batches(database, lambda session, most: queue.purge(session, older_than, most), batch=batch)
