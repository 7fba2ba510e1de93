"""Keyset pagination: a page costs the same at the first row and at the millionth.

A cursor is the id of the last row seen, base64url-encoded. It grants nothing: every query keeps its owner filter,
so a cursor somebody made up leads at most to another place in their own list.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
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


class PageRequest(BaseModel):
    """Which page is wanted."""

    limit: Annotated[int, Query(ge=1, le=100)] = 20
    cursor: Annotated[str | None, Query(max_length=128)] = None


PageQuery = Annotated[PageRequest, Query()]


def encode_cursor(key: str) -> str:
    """The cursor that continues after the row with this key."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The key inside a cursor. Raises BadRequest when it is not one of ours."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise BadRequest("The cursor is not one of ours; start again without it.", slug="bad-cursor") from error


async def page_of(
    session: AsyncSession,
    statement: Select[Row],
    key: InstrumentedAttribute[Any],
    request: PageRequest,
    view: Callable[[Row], Item],
) -> Page[Item]:
    """Runs `statement`, newest first by `key` (a time-ordered TypeID column), from the cursor on."""
    if request.cursor is not None:
        last = decode_cursor(request.cursor)
        kind = key.type
        if isinstance(kind, PrefixedId):
            try:
                decode_id(kind.prefix, last)
            except ValueError as error:
                raise BadRequest("The cursor belongs to another list.", slug="bad-cursor") from error
        statement = statement.where(key < last)
    statement = statement.order_by(key.desc()).limit(request.limit + 1)
    rows: Sequence[Row] = (await session.execute(statement)).scalars().all()
    shown = rows[: request.limit]
    more = len(rows) > request.limit
    cursor = encode_cursor(str(getattr(shown[-1], key.key))) if more else None
    return Page(data=[view(row) for row in shown], next_cursor=cursor)
