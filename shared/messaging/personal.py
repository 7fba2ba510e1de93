"""Facts about people leave nothing behind in inboxes and outboxes once they had their effect.

A row stays for as long as it has to tell repeats from news; its body goes when nothing will read it again: at once when
the fact was sent or handled, and after a month when it gave up.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, all_, func, literal, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import String

from shared.contracts import EVENTS
from shared.database import Database, DurableQueue, purge_in_batches

NO_BODY = b""
# Time to mend and replay what gave up, and no longer than an answer to "forget me" may take (GDPR, Article 12(3)).
DEAD_KEPT = timedelta(days=30)
_PART = 20_000
# The watch over promises still finds what a fact was about.
_IDS_ONLY = """convert_to(jsonb_build_object('data', (
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(convert_from(body, 'UTF8')::jsonb -> 'data')
    WHERE key LIKE '%\\_id'))::text, 'UTF8')"""


def personal_types() -> frozenset[str]:
    """The wire types whose facts name or describe a person."""
    return frozenset(wire_type for wire_type, kind in EVENTS.items() if kind.personal)


async def forget_dead_bodies(database: Database, queue: DurableQueue) -> int:
    """Empties the personal facts that gave up longer than `DEAD_KEPT` ago (a clock job); returns how many."""
    table = queue.table

    async def forget(session: AsyncSession, most: int) -> int:
        old = (
            select(queue.key)
            .where(
                or_(table.c.state == "dead", table.c.state == "parked"),
                table.c.finished_at < func.statement_timestamp() - DEAD_KEPT,
                _may_be_personal(queue),
                table.c.body != NO_BODY,
            )
            .order_by(table.c.finished_at)
            .limit(most)
        )
        emptied = await session.execute(
            update(table)
            .where(queue.key.in_(old))
            .values(body=NO_BODY, last_error="what it said was forgotten: nobody replayed it in time")
            .returning(queue.key)
        )
        return len(emptied.all())

    return await purge_in_batches(database, forget)


async def forget_facts_about(session: AsyncSession, queue: DurableQueue, *ids: str) -> int:
    """Calls off every waiting or dead fact that may be personal and mentions one of these ids; returns how many.

    For an inbox: a fact about somebody who was forgotten must not have its effect any more.
    """
    table = queue.table
    called_off = await session.execute(
        update(table)
        .where(
            table.c.state.in_(("ready", "dead", "parked")),
            _may_be_personal(queue),
            or_(*(_mentions(queue, name) for name in ids)),
        )
        .values(state="canceled", body=NO_BODY, last_error=None, lease_token=None, finished_at=func.clock_timestamp())
        .returning(queue.key)
    )
    return len(called_off.all())


async def leave_only_ids(database: Database, queue: DurableQueue, account_id: str) -> int:
    """Of facts about an account that were sent or handled, leaves the ids they name; returns how many facts it were.

    What a customer called a machine may be a name, too. No index leads from an account to its facts, so all are read, a
    part at a time, each part committed by itself.
    """
    table, key = queue.table, queue.key
    after, changed, more = UUID(int=0), 0, True
    while more:
        async with database.work() as work:
            next_part = select(key).where(key > after).order_by(key).offset(_PART - 1).limit(1)
            last: UUID | None = await work.session.scalar(next_part)
            more = last is not None
            part = key.between(after, last) if last is not None else key >= after
            told = await work.session.execute(
                update(table)
                .where(part, table.c.state == "done", _mentions(queue, account_id), _mentions(queue, "specversion"))
                .values(body=literal_column(_IDS_ONLY))
                .returning(key)
            )
            changed += len(told.all())
        after = last or after
    return changed


def _mentions(queue: DurableQueue, name: str) -> ColumnElement[bool]:
    # Escaped, because what is no UTF-8 is no error here; ids are ASCII.
    return func.strpos(func.encode(queue.table.c.body, "escape"), name) > 0


def _may_be_personal(queue: DurableQueue) -> ColumnElement[bool]:
    """Personal types, and those this code does not know: what it cannot read may be about anybody."""
    harmless = literal(sorted(EVENTS.keys() - personal_types()), ARRAY(String))
    return queue.table.c.type != all_(harmless)
