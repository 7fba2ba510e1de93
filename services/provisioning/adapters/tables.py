"""The plumbing tables of this schema (outbox, inbox, idempotency keys), its timers, and the queue over its jobs."""

from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Table, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.provisioning.domain import CREATE, PLANS, Job, Resource
from services.provisioning.domain.base import Base
from shared.database import DurableQueue, Timers
from shared.web.service import Plumbing

plumbing = Plumbing(Base.metadata)
timers = Timers(Base.metadata)

# A provider that is away for a day must not use up a job: its deadline ends it, long before this many attempts.
MOST_ATTEMPTS = 5000


class JobQueue(DurableQueue):
    """The durable queue over jobs."""

    def __init__(self, *, lease: float = 15.0, first_wait: float = 2.0, longest_wait: float = 60.0) -> None:
        super().__init__(
            "jobs",
            cast("Table", Job.__table__),
            max_attempts=MOST_ATTEMPTS,
            first_wait=first_wait,
            longest_wait=longest_wait,
            lease=lease,
        )

    async def replay(self, session: AsyncSession, row_id: Any) -> bool:
        """As for any queue, with as much time as at first. A power action waits while another is pending for its
        resource (False till then)."""
        table = self.table
        # Job before resource, as everywhere; whoever asks for a power action holds the resource.
        job = await session.execute(
            select(table.c.resource_id, table.c.kind).where(self.key == row_id).with_for_update()
        )
        found = job.first()
        if found is None or (found.kind != CREATE and await self._power_pending(session, found.resource_id)):
            return False
        if not await super().replay(session, row_id):
            return False
        renewed = func.greatest(table.c.deadline_at, func.clock_timestamp() + PLANS[found.kind].deadline)
        await session.execute(update(table).where(self.key == row_id).values(deadline_at=renewed))
        return True

    async def _power_pending(self, session: AsyncSession, resource_id: str) -> bool:
        table = self.table
        await session.execute(select(Resource.id).where(Resource.id == resource_id).with_for_update())
        pending = await session.execute(
            select(literal(1)).where(
                table.c.resource_id == resource_id, table.c.kind != CREATE, table.c.state == "ready"
            )
        )
        return pending.first() is not None

    async def purge(self, session: AsyncSession, older_than: timedelta, limit: int = 5000) -> int:
        """Deletes finished power actions only: how a resource came to be stays its history."""
        table = self.table
        gone = (
            select(self.key)
            .where(
                table.c.state == "done",
                table.c.kind != CREATE,
                table.c.finished_at < func.now() - older_than,  # stable within the statement, so an index serves it
            )
            .order_by(table.c.finished_at)
            .limit(limit)
        )
        deleted = await session.execute(delete(table).where(self.key.in_(gone)).returning(literal(1)))
        return len(deleted.all())

    async def hurry_all(self, session: AsyncSession, provider: str) -> int:
        """Makes every job that waits for this provider due now: it answers again. Says how many."""
        table = self.table
        theirs = select(Resource.id).where(Resource.provider == provider)
        hurried = await session.execute(
            update(table)
            .where(
                table.c.state == "ready",
                table.c.lease_token.is_(None),
                table.c.next_attempt_at > func.clock_timestamp(),
                table.c.resource_id.in_(theirs),
            )
            .values(next_attempt_at=func.clock_timestamp())
            .returning(literal(1))
        )
        return len(hurried.all())
