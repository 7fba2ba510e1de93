"""What is due at a moment of business time: reminders, ends of trials and terms, deadlines of customers.

A timer is a durable row that becomes due when its account's business time reaches `due_at`. Business time is real time,
except in test mode, where a test moves an account's clock forward: an offset row says by how much. Leases, retries,
tokens and signatures run on real time and never look here.

`next_attempt_at` is `due_at` less the offset, so a timer is claimed like every other durable row. Setting timers and
moving the clock exclude each other per account; that is why no timer is ever left with an offset of yesterday.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.columns import Instant, PrefixedId
from shared.database.durable import Claimed, DurableQueue, NotUnderstood, durable_columns, durable_index
from shared.database.engine import Database
from shared.database.unit_of_work import UnitOfWork
from shared.telemetry.tracing import current_traceparent

# A set-again of the same key finds the row for this long after it fired.
TIMERS_KEPT = timedelta(days=90)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('business_clock:' || :account_id, 0))")
_LOCK_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('business_clock:' || :account_id, 0))")


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that is due. `due_at` is in its account's business time, and what a handler reckons with: when a clock
    is moved by months, the account's present may be far ahead of it."""

    key: str
    kind: str
    account_id: str
    due_at: datetime
    payload: Mapping[str, Any]


TimerHandler = Callable[[UnitOfWork, Timer], Awaitable[None]]


class BusinessClocks:
    """The offsets of one schema: how far each account's business time is ahead of real time; no row: not at all."""

    def __init__(self, metadata: MetaData) -> None:
        self.table = Table(
            "business_clocks",
            metadata,
            Column("account_id", PrefixedId("acc"), primary_key=True),
            Column("offset_seconds", BigInteger, nullable=False),
            Column("moved_at", Instant, nullable=False),
        )

    async def offset(self, session: AsyncSession, account_id: str) -> timedelta:
        """How far the account's business time is ahead of real time."""
        seconds = await session.scalar(select(self.table.c.offset_seconds).where(self.table.c.account_id == account_id))
        return timedelta(seconds=seconds or 0)

    async def business_now(self, work: UnitOfWork, account_id: str) -> datetime:
        """What time it is in the account's business."""
        return work.clock.now() + await self.offset(work.session, account_id)

    async def move(self, work: UnitOfWork, account_id: str, offset_seconds: int, moved_at: datetime) -> bool:
        """Moves the account's clock forward to this offset. False when it is there or further already."""
        await work.session.execute(_LOCK, {"account_id": account_id})
        given = insert(self.table).values(account_id=account_id, offset_seconds=offset_seconds, moved_at=moved_at)
        moved = await work.session.execute(
            given.on_conflict_do_update(
                index_elements=[self.table.c.account_id],
                set_={"offset_seconds": given.excluded.offset_seconds, "moved_at": given.excluded.moved_at},
                where=self.table.c.offset_seconds < given.excluded.offset_seconds,
            ).returning(literal(1))
        )
        return moved.first() is not None


class Timers:
    """The timers of one schema, with the clocks they run by."""

    def __init__(self, metadata: MetaData) -> None:
        self.clocks = BusinessClocks(metadata)
        self.table = Table(
            "timers",
            metadata,
            Column("id", String(200), primary_key=True),
            Column("kind", String(60), nullable=False),
            Column("account_id", PrefixedId("acc"), nullable=False),
            Column("due_at", Instant, nullable=False),
            Column("payload", JSONB, nullable=False),
            *durable_columns(),
            durable_index("timers"),
        )
        columns = self.table.c
        Index("ix_timers_account_id_ready", columns.account_id, postgresql_where=text("state = 'ready'"))
        Index("ix_timers_finished_at", columns.finished_at, postgresql_where=text("state = 'done'"))
        Index("ix_timers_given_up", columns.finished_at, postgresql_where=text("state IN ('dead', 'parked')"))
        # Half an hour between attempts at most, for about four days.
        self.queue = DurableQueue("timers", self.table, max_attempts=200, first_wait=2.0, longest_wait=1800.0)

    async def set(
        self,
        work: UnitOfWork,
        key: str,
        *,
        kind: str,
        account_id: str,
        due_at: datetime,
        payload: Mapping[str, Any] | None = None,
    ) -> bool:
        """Sets a timer, or moves the one of this key while it still waits. False when nothing had to change, or the
        timer of this key is being handled or has fired: what recurs has a key per occurrence.

        `due_at` is an aware moment of the account's business time; `payload` holds no personal data.
        """
        await work.session.execute(_LOCK_SHARED, {"account_id": account_id})
        given = insert(self.table).values(
            id=key,
            kind=kind,
            account_id=account_id,
            due_at=due_at,
            payload=dict(payload or {}),
            trace=current_traceparent(),
            next_attempt_at=literal(due_at, Instant) - self._offset(account_id),
        )
        columns = self.table.c
        written = await work.session.execute(
            given.on_conflict_do_update(
                index_elements=[columns.id],
                set_={name: given.excluded[name] for name in ("due_at", "payload", "next_attempt_at")},
                where=(columns.state == "ready")
                & columns.lease_token.is_(None)
                & ((columns.due_at != given.excluded.due_at) | (columns.payload != given.excluded.payload)),
            ).returning(literal(1))
        )
        work.wake(self.queue.name)
        return written.first() is not None

    def _offset(self, account_id: str) -> ColumnElement[timedelta]:
        clocks = self.clocks.table
        seconds = select(clocks.c.offset_seconds).where(clocks.c.account_id == account_id).scalar_subquery()
        return _interval(func.coalesce(seconds, 0))

    async def cancel(self, work: UnitOfWork, key: str) -> bool:
        """Takes a waiting timer away. False when there is none, or it is being handled or has fired."""
        columns = self.table.c
        gone = await work.session.execute(
            delete(self.table)
            .where(columns.id == key, columns.state == "ready", columns.lease_token.is_(None))
            .returning(literal(1))
        )
        return gone.first() is not None

    async def move_clock(self, work: UnitOfWork, account_id: str, offset_seconds: int, moved_at: datetime) -> bool:
        """Moves the account's clock forward, and its timers with it. False when it is there or further already."""
        if not await self.clocks.move(work, account_id, offset_seconds, moved_at):
            return False
        columns = self.table.c
        await work.session.execute(
            update(self.table)
            .where(
                columns.account_id == account_id,
                columns.state == "ready",
                # One that is being handled keeps its lease, and one that failed its pause: both are real time.
                columns.attempts == 0,
            )
            .values(next_attempt_at=columns.due_at - _interval(bindparam("moved_by", offset_seconds, BigInteger)))
        )
        work.wake(self.queue.name)
        return True


def _interval(seconds: ColumnElement[Any]) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)


class TimerRunner:
    """Fires claimed timers (for a DurableWorker): the handler's effect and the timer's end are one commit."""

    def __init__(self, database: Database, timers: Timers, handlers: Mapping[str, TimerHandler]) -> None:
        self._database = database
        self._queue = timers.queue
        self._handlers = handlers

    async def handle(self, claimed: Claimed) -> None:
        """Fires one timer. Raises NotUnderstood for a kind that only newer code knows."""
        row = claimed.row
        handler = self._handlers.get(row["kind"])
        if handler is None:
            raise NotUnderstood(f"unknown kind of timer {row['kind']}")
        timer = Timer(row["id"], row["kind"], row["account_id"], row["due_at"], row["payload"])

        async def fire(work: UnitOfWork) -> None:
            await handler(work, timer)
            await self._queue.complete(work.session, claimed)

        await self._database.run(fire)
