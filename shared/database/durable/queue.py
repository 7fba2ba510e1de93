"""The rows of one durable table: claimed, completed, retried, set aside as dead, replayed and deleted."""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, case, func, insert, literal, null, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.durable.leases import LeasedRows
from shared.database.durable.rows import Claimed, FailureClass, HandlingFailed

_ERROR_LENGTH = 500
# Rows that wait for code that understands them: an upgrade takes minutes, and one that was forgotten takes days.
FIRST_LOOK, LAST_LOOK = timedelta(minutes=1), timedelta(minutes=15)
UNDERSTOOD_WITHIN = timedelta(days=14)


class DurableQueue(LeasedRows):
    """Claim, complete, retry, bury and replay the rows of one durable table.

    `max_attempts` bounds transient failures; the wait doubles from `first_wait` to `longest_wait` seconds, with
    full jitter on its upper half. `lease` and `in_order_of`: see LeasedRows.
    """

    def __init__(
        self,
        name: str,
        table: Table,
        *,
        max_attempts: int = 12,
        first_wait: float = 1.0,
        longest_wait: float = 900.0,
        lease: float = 15.0,
        in_order_of: str | None = None,
    ) -> None:
        super().__init__(name, table, lease=lease, in_order_of=in_order_of)
        self.max_attempts = max_attempts
        self.first_wait = first_wait
        self.longest_wait = longest_wait

    async def fail(self, session: AsyncSession, claimed: Claimed, error: BaseException) -> str:
        """Records why the attempt failed and when the next one is due. Returns the state the row is in now."""
        known = error if isinstance(error, HandlingFailed) else None
        failure = known.failure if known else FailureClass.TRANSIENT
        reason = known.reason if known else f"{type(error).__name__}: {error}"
        if failure is FailureClass.NOT_UNDERSTOOD:
            return await self._wait_to_be_understood(session, claimed, reason)
        state = self.state_after(failure, claimed.attempt)
        wait = known.retry_after if known and known.retry_after is not None else self.backoff(claimed.attempt)
        return await self._write(
            session,
            claimed,
            state=state,
            lease_token=None,
            failure_class=failure.value,
            last_error=reason[:_ERROR_LENGTH],
            next_attempt_at=func.clock_timestamp() + timedelta(seconds=wait),
            finished_at=None if state == "ready" else func.clock_timestamp(),
        )

    async def _wait_to_be_understood(self, session: AsyncSession, claimed: Claimed, reason: str) -> str:
        """Not an attempt: the row waits, 1 to 15 minutes at a time and the longer the older it is; in the end dead."""
        age = func.clock_timestamp() - self.table.c.created_at
        pause = func.greatest(FIRST_LOOK, func.least(age, LAST_LOOK) * (0.5 + func.random() / 2))
        too_old = age > UNDERSTOOD_WITHIN
        return await self._write(
            session,
            claimed,
            state=case((too_old, "dead"), else_="ready"),
            lease_token=None,
            attempts=self.table.c.attempts - 1,
            failure_class=FailureClass.NOT_UNDERSTOOD.value,
            last_error=reason[:_ERROR_LENGTH],
            next_attempt_at=func.clock_timestamp() + pause,
            finished_at=case((too_old, func.clock_timestamp()), else_=null()),
        )

    def state_after(self, failure: FailureClass, attempt: int) -> str:
        """Where a failure of this class on this attempt leaves a row."""
        if failure is FailureClass.PERMANENT:
            return "dead"
        if failure is FailureClass.NEEDS_HUMAN:
            return "parked"
        if failure is FailureClass.NOT_UNDERSTOOD:
            return "ready"
        return "dead" if attempt >= self.max_attempts else "ready"

    def backoff(self, attempt: int) -> float:
        """Seconds to wait after the given attempt: exponential, capped, with jitter against herds."""
        full = min(self.longest_wait, self.first_wait * 2.0 ** min(attempt - 1, 30))
        return full / 2 + random.uniform(0, full / 2)  # noqa: S311 - jitter, not a secret

    async def replay(self, session: AsyncSession, row_id: Any) -> bool:
        """Makes a dead or parked row ready again with fresh attempts. False when it is neither."""
        done = await session.execute(
            update(self.table)
            .where(self.key == row_id, self.table.c.state.in_(("dead", "parked")))
            .values(
                state="ready",
                attempts=0,
                lease_token=None,
                next_attempt_at=func.clock_timestamp(),
                finished_at=None,
            )
            .returning(self.key)
        )
        return done.first() is not None

    async def make_due(self, session: AsyncSession, row_id: Any) -> bool:
        """Makes a waiting row due now. False when it is not waiting, or somebody holds it: no second runner."""
        done = await session.execute(
            update(self.table)
            .where(self.key == row_id, self.table.c.state == "ready", self.table.c.lease_token.is_(None))
            .values(next_attempt_at=func.clock_timestamp())
            .returning(self.key)
        )
        return done.first() is not None

    async def make_not_understood_due(self, session: AsyncSession) -> int:
        """Makes every row that waits to be understood due now: this code may be the one. Says how many."""
        done = await session.execute(
            update(self.table)
            .where(self.not_understood(), self.table.c.lease_token.is_(None))
            .values(next_attempt_at=func.clock_timestamp())
            .returning(literal(1))
        )
        return len(done.all())

    def not_understood(self) -> ColumnElement[bool]:
        """The condition on rows that wait for code that understands them."""
        columns = self.table.c
        return and_(columns.state == "ready", columns.failure_class == FailureClass.NOT_UNDERSTOOD.value)

    async def add(self, session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
        """Stores new rows, ready at once unless they say otherwise."""
        await session.execute(insert(self.table), [dict(row) for row in rows])

    async def purge(self, session: AsyncSession, older_than: timedelta, limit: int = 5000) -> int:
        """Deletes up to `limit` rows that were done longer ago than `older_than` (all of them: `purge_done`)."""
        over = func.statement_timestamp() - older_than
        gone = (
            select(self.key)
            .where(self.table.c.state == "done", self.table.c.finished_at < over)
            .order_by(self.table.c.finished_at)
            .limit(limit)
        )
        deleted = await session.execute(self.table.delete().where(self.key.in_(gone)).returning(literal(1)))
        return len(deleted.all())
