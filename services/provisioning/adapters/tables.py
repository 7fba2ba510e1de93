"""The tables that are no domain (outbox, inbox, idempotency keys, switches, timers), and the queue over jobs."""

from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Table, delete, exists, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.provisioning.domain import LIFE, Job, Resource
from services.provisioning.domain.base import Base
from shared.database import DurableQueue, Timers
from shared.database.switches import Switches
from shared.web.service import Plumbing

plumbing = Plumbing(Base.metadata)
switches = Switches(Base.metadata)
timers = Timers(Base.metadata)

# Engaged, it stops all writing to all providers.
PROVIDER_WRITES = "provider-writes"

# A provider that is away for a day must not use up a job: its deadline ends it, long before this many attempts.
MOST_ATTEMPTS = 5000


class JobQueue(DurableQueue):
    """The durable queue over jobs. Of one resource's pending jobs only the oldest is worked on."""

    def __init__(self, *, lease: float = 15.0, first_wait: float = 2.0, longest_wait: float = 60.0) -> None:
        super().__init__(
            "jobs",
            cast("Table", Job.__table__),
            max_attempts=MOST_ATTEMPTS,
            first_wait=first_wait,
            longest_wait=longest_wait,
            lease=lease,
            in_order_of="resource_id",
        )

    async def replay(self, session: AsyncSession, row_id: Any) -> bool:
        """As for any queue, with as much time as at first. False also while a job is pending that this one would
        collide with: the same intent, or another action."""
        table = self.table
        # Job before resource, as everywhere; whoever asks for an intent holds the resource.
        job = await session.execute(
            select(table.c.resource_id, table.c.intent, table.c.created_at, table.c.deadline_at)
            .where(self.key == row_id)
            .with_for_update()
        )
        found = job.first()
        if found is None or await self._collides(session, found.resource_id, found.intent):
            return False
        if not await super().replay(session, row_id):
            return False
        given = found.deadline_at - found.created_at
        renewed = func.greatest(table.c.deadline_at, func.clock_timestamp() + given)
        await session.execute(update(table).where(self.key == row_id).values(deadline_at=renewed))
        return True

    async def _collides(self, session: AsyncSession, resource_id: str, intent: str) -> bool:
        table = self.table
        await session.execute(select(Resource.id).where(Resource.id == resource_id).with_for_update())
        like = table.c.intent == intent if intent in LIFE else table.c.intent.not_in(LIFE)
        pending = await session.execute(
            select(literal(1)).where(table.c.resource_id == resource_id, like, table.c.state == "ready")
        )
        return pending.first() is not None

    async def purge(self, session: AsyncSession, older_than: timedelta, limit: int = 5000) -> int:
        """Deletes finished actions only: how a resource lived stays its history."""
        table = self.table
        gone = (
            select(self.key)
            .where(
                table.c.state == "done",
                table.c.intent.not_in(LIFE),
                table.c.finished_at < func.now() - older_than,  # stable within the statement, so an index serves it
            )
            .order_by(table.c.finished_at)
            .limit(limit)
        )
        deleted = await session.execute(delete(table).where(self.key.in_(gone)).returning(literal(1)))
        return len(deleted.all())

    async def make_all_due(self, session: AsyncSession, provider: str | None = None) -> int:
        """Makes every job that waits for this provider due now: it answers again. Without a name: every one that
        waits for any. Says how many."""
        theirs = select(Resource.id).where(Resource.id == self.table.c.resource_id)
        return await self._hurry(session, theirs.where(Resource.provider == provider) if provider else theirs)

    async def make_unplaced_due(self, session: AsyncSession) -> int:
        """Makes every job due now that waits for room at some provider."""
        theirs = select(Resource.id).where(Resource.id == self.table.c.resource_id, Resource.provider.is_(None))
        return await self._hurry(session, theirs)

    async def _hurry(self, session: AsyncSession, theirs: Any) -> int:
        table = self.table
        hurried = await session.execute(
            update(table)
            .where(
                table.c.state == "ready",
                table.c.lease_token.is_(None),
                table.c.next_attempt_at > func.clock_timestamp(),
                exists(theirs),
            )
            .values(next_attempt_at=func.clock_timestamp())
            .returning(literal(1))
        )
        return len(hurried.all())
