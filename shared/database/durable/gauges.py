"""How much waits, and for how long."""

from sqlalchemy import (
    func,
    literal,
    or_,
    select,
    union_all,
)

from shared.database.durable.queue import DurableQueue
from shared.database.durable.rows import FailureClass
from shared.database.engine import Database


async def count_by_state(database: Database, queue: DurableQueue) -> dict[str, int]:
    """How many rows are ready, dead or parked (done rows are not counted: there may be millions).

    `not_understood` are those of the ready ones that wait for newer code.
    """
    state = queue.table.c.state
    # Two questions, because a partial index serves one condition, not a list that spans two of them.
    ready = select(literal("ready"), func.count()).where(state == "ready")
    waiting = select(literal("not_understood"), func.count()).where(queue.not_understood())
    given_up = select(state, func.count()).where(or_(state == "dead", state == "parked")).group_by(state)
    async with database.read() as session:
        rows = await session.execute(union_all(ready, waiting, given_up))
        return {str(state): int(count) for state, count in rows}


async def overdue_seconds(database: Database, queue: DurableQueue) -> float:
    """For how long the row that waits longest has been due; 0 when none is overdue.

    A row that failed before counts from when it was stored: every attempt moves its next one into the future. One that
    waits for newer code is late for no fault of this one, and is counted apart.
    """
    table = queue.table
    async with database.read() as session:
        oldest = func.least(
            func.min(table.c.next_attempt_at), func.min(table.c.created_at).filter(table.c.last_error.is_not(None))
        )
        age = await session.scalar(
            select(func.extract("epoch", func.clock_timestamp() - oldest)).where(
                table.c.state == "ready",
                table.c.failure_class.is_distinct_from(FailureClass.NOT_UNDERSTOOD.value),
            )
        )
        return max(0.0, float(age or 0))
