"""What gave up, in one list per service, with a button to try again."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import Table, or_, select

from shared.contracts.reads.common import Moment
from shared.database import Database, DurableQueue, PrefixedId, UnitOfWork
from shared.kernel import NotFound, decode_id, encode_id
from shared.web.access import Caller, staff_router

_SHOWN = 200
_LABELS = ("type", "intent", "kind", "template")


class DeadLetter(BaseModel):
    """A durable row that needs a person: `dead` ran out of attempts or cannot succeed, `parked` awaits a decision."""

    queue: str
    id: str
    label: str
    state: str
    attempts: int
    failure_class: str | None
    last_error: str | None
    died_at: Moment | None


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
        """Rows that are dead or parked, the latest first."""
        found: list[DeadLetter] = []
        async with database.read() as session:
            for queue in queues:
                table = queue.table
                rows = await session.execute(
                    select(table)
                    .where(or_(table.c.state == "dead", table.c.state == "parked"))
                    .order_by(table.c.finished_at.desc())
                    .limit(_SHOWN)
                )
                found.extend(_view(queue, row) for row in rows.mappings())
        return DeadLetters(data=sorted(found, key=lambda letter: str(letter.died_at), reverse=True)[:_SHOWN])

    @router.post(
        "/{queue}/{row_id}/replay",
        permission="staff.letters.replay",
        status_code=202,
        name=f"replay_{service}_dead_letter",
    )
    async def replay_dead_letter(queue: str, row_id: str, _staff: Caller) -> Replayed:
        """Gives a dead or parked row fresh attempts. Safe to press twice."""
        chosen = by_name.get(queue)
        if chosen is None:
            raise NotFound("There is no such queue.")

        async def replay(work: UnitOfWork) -> None:
            if not await chosen.replay(work.session, _key(chosen.table, row_id)):
                raise NotFound("There is no dead or parked row with this id.")
            work.wake(chosen.name)

        await database.run(replay)
        return Replayed()

    return router


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
        state=row["state"],
        attempts=row["attempts"],
        failure_class=row["failure_class"],
        last_error=row["last_error"],
        died_at=row["finished_at"],
    )
