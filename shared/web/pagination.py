"""Keyset pagination: a page costs the same at the first row and at the millionth, forwards and backwards.

A cursor is the id of the row at the edge of a page, base64url-encoded, with the direction in which to go on. It grants
nothing: every query keeps its owner filter, so a cursor somebody made up leads at most to another place in their own
list. It knows no filters either: whoever turns the page sends them again.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from shared.contracts.reads.common import Item, Page
from shared.database import PrefixedId
from shared.kernel import decode_id
from shared.web.problems import BadRequest

Row = TypeVar("Row")

_BEFORE = "<"


class PageRequest(BaseModel):
    """Which page is wanted."""

    limit: Annotated[int, Query(ge=1, le=100)] = 20
    cursor: Annotated[str | None, Query(max_length=128)] = None


PageQuery = Annotated[PageRequest, Query()]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list: after the row with this key, or (`backwards`) before it."""

    key: str
    backwards: bool = False


def encode_cursor(key: str, *, backwards: bool = False) -> str:
    """The cursor that continues after the row with this key, or before it."""
    text = f"{_BEFORE}{key}" if backwards else key
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_place(cursor: str) -> Place:
    """The place a cursor names. Raises BadRequest when it is not one of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise BadRequest("The cursor is not one of ours; start again without it.", slug="bad-cursor") from error
    return Place(text.removeprefix(_BEFORE), text.startswith(_BEFORE))


def decode_cursor(cursor: str) -> str:
    """The key inside a cursor, for lists that only go forwards. Raises BadRequest when it is not one of ours."""
    return decode_place(cursor).key


async def page_of(
    session: AsyncSession,
    statement: Select[Row],
    key: InstrumentedAttribute[Any],
    request: PageRequest,
    view: Callable[[Row], Item],
) -> Page[Item]:
    """Runs `statement`, newest first by `key` (a time-ordered TypeID column), from the cursor on."""
    place = None if request.cursor is None else decode_place(request.cursor)
    if place is not None:
        _must_be_of(key, place.key)
        statement = statement.where(key > place.key if place.backwards else key < place.key)
    backwards = place is not None and place.backwards
    statement = statement.order_by(key.asc() if backwards else key.desc()).limit(request.limit + 1)
    rows: Sequence[Row] = (await session.execute(statement)).scalars().all()
    return page_from(rows, request.limit, place, lambda row: str(getattr(row, key.key)), view)


def page_from(
    rows: Sequence[Row], limit: int, place: Place | None, key_of: Callable[[Row], str], view: Callable[[Row], Item]
) -> Page[Item]:
    """The page for the rows read from `place` on in its direction, one more than `limit` if there are so many."""
    backwards = place is not None and place.backwards
    shown = list(rows[:limit])
    if backwards:
        shown.reverse()
    more = len(rows) > limit
    newer, older = (more, True) if backwards else (place is not None, more)
    return Page(
        data=[view(row) for row in shown],
        next_cursor=encode_cursor(key_of(shown[-1])) if shown and older else None,
        previous_cursor=encode_cursor(key_of(shown[0]), backwards=True) if shown and newer else None,
    )


def _must_be_of(key: InstrumentedAttribute[Any], value: str) -> None:
    kind = key.type
    if isinstance(kind, PrefixedId):
        try:
            decode_id(kind.prefix, value)
        except ValueError as error:
            raise BadRequest("The cursor belongs to another list.", slug="bad-cursor") from error
