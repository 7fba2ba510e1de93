"""How much waits, and for how long."""

from sqlalchemy import (
    func,
    literal,
    or_,
    select,
    union_all,
)

from shared.database.durable.queue import DurableQueue
from shared.database.engine import Database


async def count_by_state(database: Database, queue: DurableQueue) -> dict[str, int]:
    """How many rows are waiting, dead or parked (done rows are not counted: there may be millions)."""
    state = queue.table.c.state
    # Two questions, because a partial index serves one condition, not a list that spans two of them.
    ready = select(literal("ready"), func.count()).where(state == "ready")
    given_up = select(state, func.count()).where(or_(state == "dead", state == "parked")).group_by(state)
    async with database.read() as session:
        rows = await session.execute(union_all(ready, given_up))
        return {str(state): int(count) for state, count in rows}


async def overdue_seconds(database: Database, queue: DurableQueue) -> float:
    """For how long the row that waits longest has been due; 0 when none is overdue.

    A row that failed before counts from when it was stored: every attempt moves its next one into the future.
    """
    table = queue.table
    async with database.read() as session:
        oldest = func.least(
            func.min(table.c.next_attempt_at), func.min(table.c.created_at).filter(table.c.last_error.is_not(None))
        )
        age = await session.scalar(
            select(func.extract("epoch", func.clock_timestamp() - oldest)).where(table.c.state == "ready")
        )
        return max(0.0, float(age or 0))
