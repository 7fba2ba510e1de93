"""What gave up and what waits for newer code, in one list per service, with a button to try again."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import Select, Table, or_, select

from shared.contracts.reads.base import Moment
from shared.database import Database, DurableQueue, PrefixedId, UnitOfWork
from shared.kernel import NotFound, decode_id, encode_id
from shared.web.access import Caller, staff_router

_SHOWN = 200
_LABELS = ("type", "intent", "kind", "template")


class DeadLetter(BaseModel):
    """A durable row that a person should know of.

    `dead` ran out of attempts or cannot succeed, `parked` awaits a decision, `waiting` is not understood by the code
    that runs (`last_error` says why) and is taken by newer code. `label` is the type of a fact, the kind of a job or
    task. `since` is when it gave up or, of a waiting one, when it came.
    """

    queue: str
    id: str
    label: str
    state: str
    attempts: int
    failure_class: str | None
    last_error: str | None
    died_at: Moment | None
    since: Moment


class DeadLetters(BaseModel):
    """The newest dead letters of one service."""

    data: list[DeadLetter]


class Replayed(BaseModel):
    """The row is ready again."""

    status: str = "ready"


def dead_letters_router(service: str, database: Database, queues: Sequence[DurableQueue]) -> APIRouter:
    """Staff routes over every durable table of a service."""
    router = staff_router(f"/api/v1/staff/dead-letters/{service}")
    by_name = {queue.name: queue for queue in queues}

    @router.get("", permission="staff.letters.read", name=f"list_{service}_dead_letters")
    async def list_dead_letters() -> DeadLetters:
        """Rows that are dead or parked, or wait for code that understands them; the latest first."""
        found: list[DeadLetter] = []
        async with database.read() as session:
            for queue in queues:
                for statement in (_gave_up(queue), _waiting(queue)):
                    rows = await session.execute(statement.limit(_SHOWN))
                    found.extend(_view(queue, row) for row in rows.mappings())
        return DeadLetters(data=sorted(found, key=lambda letter: letter.since, reverse=True)[:_SHOWN])

    @router.post(
        "/{queue}/{row_id}/replay",
        permission="staff.letters.replay",
        status_code=202,
        name=f"replay_{service}_dead_letter",
    )
    async def replay_dead_letter(queue: str, row_id: str, _staff: Caller) -> Replayed:
        """Gives a dead or parked row fresh attempts, and lets a waiting one be looked at now. Safe to press twice."""
        chosen = by_name.get(queue)
        if chosen is None:
            raise NotFound("There is no such queue.")

        async def replay(work: UnitOfWork) -> None:
            key = _key(chosen.table, row_id)
            if not (await chosen.replay(work.session, key) or await chosen.make_due(work.session, key)):
                raise NotFound("There is no row with this id that could be tried again now.")
            work.wake(chosen.name)

        await database.run(replay)
        return Replayed()

    return router


def _gave_up(queue: DurableQueue) -> Select[Any]:
    state, finished_at = queue.table.c.state, queue.table.c.finished_at
    return select(queue.table).where(or_(state == "dead", state == "parked")).order_by(finished_at.desc())


def _waiting(queue: DurableQueue) -> Select[Any]:
    return select(queue.table).where(queue.not_understood()).order_by(queue.table.c.created_at.desc())


def _key(table: Table, text: str) -> Any:
    kind = next(iter(table.primary_key.columns)).type
    try:
        if isinstance(kind, PrefixedId):  # first: it passes on the attributes of the plain uuid beneath it
            decode_id(kind.prefix, text)
            return text
        return UUID(text) if getattr(kind, "as_uuid", False) else text
    except ValueError as error:
        raise NotFound("There is no dead or parked row with this id.") from error


def _view(queue: DurableQueue, row: Any) -> DeadLetter:
    label = next((str(row[name]) for name in _LABELS if name in row), queue.name)
    identity = row[queue.key.name]
    prefix = getattr(queue.key.type, "prefix", None)
    return DeadLetter(
        queue=queue.name,
        id=encode_id(prefix, identity) if prefix and isinstance(identity, UUID) else str(identity),
        label=label,
        state="waiting" if row["state"] == "ready" else row["state"],
        attempts=row["attempts"],
        failure_class=row["failure_class"],
        last_error=row["last_error"],
        died_at=row["finished_at"],
        since=row["finished_at"] or row["created_at"],
    )
