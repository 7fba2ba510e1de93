"""What Stripe told us, for staff."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.billing.domain import StripeEvent
from services.billing.queries.customers import of_orders
from shared.contracts.reads.base import CustomerRef, Page
from shared.contracts.reads.billing import StripeEventDetail, StripeEventView
from shared.kernel import NotFound
from shared.telemetry.redaction import MASK
from shared.web.pagination import PageRequest, decode_cursor, encode_cursor
from shared.web.problems import BadRequest

_LARGEST_SEQ = 2**63 - 1


async def list_events(
    session: AsyncSession, page: PageRequest, *, state: str | None, kind: str | None
) -> Page[StripeEventView]:
    """Stripe's events, the latest arrival first."""
    columns = [column for column in StripeEvent.__table__.columns if column.name != "payload"]
    statement = select(*columns).order_by(StripeEvent.seq.desc()).limit(page.limit + 1)
    if state is not None:
        # Written into the statement, so that the planner may use the index over unfinished events.
        statement = statement.where(StripeEvent.state == bindparam("wanted", state, literal_execute=True))
    if kind is not None:
        statement = statement.where(StripeEvent.type == kind)
    if page.cursor is not None:
        statement = statement.where(StripeEvent.seq < _seq(page.cursor))
    rows = (await session.execute(statement)).mappings().all()
    shown = rows[: page.limit]
    cursor = encode_cursor(str(shown[-1]["seq"])) if len(rows) > page.limit else None
    customers = await of_orders(session, [row["order_id"] for row in shown])
    return Page(data=[StripeEventView(**_event_fields(row, customers)) for row in shown], next_cursor=cursor)


async def get_event(session: AsyncSession, event_id: str) -> StripeEventDetail:
    """One event with its payload. Raises NotFound."""
    statement = select(*StripeEvent.__table__.columns).where(StripeEvent.id == event_id)
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no event with this id.")
    return StripeEventDetail(
        **_event_fields(row, await of_orders(session, [row["order_id"]])),
        api_version=row["api_version"],
        livemode=row["livemode"],
        object_id=row["object_id"],
        failure_class=row["failure_class"],
        next_attempt_at=row["next_attempt_at"] if row["state"] == "ready" else None,
        payload=_without_secrets(orjson.loads(row["payload"])),
    )


def _event_fields(row: Mapping[Any, Any], customers: Mapping[str, CustomerRef]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "type": row["type"],
        "state": row["state"],
        "outcome": row["outcome"],
        "attempts": row["attempts"],
        "received_at": row["received_at"],
        "processed_at": row["finished_at"],
        "stripe_created_at": row["stripe_created_at"],
        "last_error": row["last_error"],
        "order_id": row["order_id"],
        "customer": customers.get(row["order_id"]),
    }


def _seq(cursor: str) -> int:
    key = decode_cursor(cursor)
    if not key.isdecimal() or int(key) > _LARGEST_SEQ:
        raise BadRequest("The cursor belongs to another list.", slug="bad-cursor")
    return int(key)


def _without_secrets(value: Any) -> Any:
    """The payload as Stripe sent it, but for client secrets: whoever holds one may act on the payment."""
    if isinstance(value, dict):
        return {key: MASK if key == "client_secret" and item else _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
