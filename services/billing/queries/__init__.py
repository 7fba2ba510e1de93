"""Reads for lists and screens."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel
from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.billing.domain import Invoice, StripeEvent
from shared.contracts.reads.common import Moment, MoneyView, Page
from shared.kernel import NotFound
from shared.telemetry.redaction import MASK
from shared.web.pagination import PageRequest, decode_cursor, encode_cursor, page_of
from shared.web.problems import BadRequest

_LARGEST_SEQ = 2**63 - 1


class InvoiceView(BaseModel):
    """An invoice as its account sees it."""

    id: str
    number: str | None
    status: str
    order_id: str | None
    total: MoneyView
    amount_paid: MoneyView
    currency: str
    created_at: Moment
    paid_at: Moment | None
    hosted_invoice_url: str | None
    pdf_url: str | None


class StripeEventView(BaseModel):
    """An event of Stripe as staff see it in a list. `outcome` says what it did, `last_error` why it did not."""

    id: str
    type: str
    state: str
    outcome: str | None
    attempts: int
    received_at: Moment
    processed_at: Moment | None
    stripe_created_at: Moment
    last_error: str | None
    order_id: str | None


class StripeEventDetail(StripeEventView):
    """One event with what Stripe sent."""

    api_version: str | None
    livemode: bool
    object_id: str | None
    failure_class: str | None
    next_attempt_at: Moment | None
    payload: Any


def invoices_of(account_id: str) -> Select[Invoice]:
    """Everything an account may see of invoices; a draft is nothing a customer should see. The one owner filter."""
    return select(Invoice).where(Invoice.account_id == account_id, Invoice.status != "draft")


async def list_invoices(session: AsyncSession, account_id: str, page: PageRequest) -> Page[InvoiceView]:
    """An account's invoices, newest first."""
    return await page_of(session, invoices_of(account_id), Invoice.id, page, invoice_view)


async def get_invoice(session: AsyncSession, account_id: str, invoice_id: str) -> InvoiceView:
    """One invoice of an account. Raises NotFound for anybody else's."""
    found = await session.execute(invoices_of(account_id).where(Invoice.id == invoice_id))
    invoice = found.scalar_one_or_none()
    if invoice is None:
        raise NotFound("There is no invoice with this id.")
    return invoice_view(invoice)


def invoice_view(invoice: Invoice) -> InvoiceView:
    """An invoice as its account sees it."""
    return InvoiceView(
        id=invoice.id,
        number=invoice.number,
        status=invoice.status,
        order_id=invoice.order_id,
        total=MoneyView(amount_minor=invoice.total_minor, currency=invoice.currency),
        amount_paid=MoneyView(amount_minor=invoice.amount_paid_minor, currency=invoice.currency),
        currency=invoice.currency,
        created_at=invoice.created_at,
        paid_at=invoice.paid_at,
        hosted_invoice_url=invoice.hosted_invoice_url,
        pdf_url=invoice.pdf_url,
    )


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
    return Page(data=[StripeEventView(**_event_fields(row)) for row in shown], next_cursor=cursor)


async def get_event(session: AsyncSession, event_id: str) -> StripeEventDetail:
    """One event with its payload. Raises NotFound."""
    statement = select(*StripeEvent.__table__.columns).where(StripeEvent.id == event_id)
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no event with this id.")
    return StripeEventDetail(
        **_event_fields(row),
        api_version=row["api_version"],
        livemode=row["livemode"],
        object_id=row["object_id"],
        failure_class=row["failure_class"],
        next_attempt_at=row["next_attempt_at"] if row["state"] == "ready" else None,
        payload=_without_secrets(orjson.loads(row["payload"])),
    )


def _event_fields(row: Mapping[Any, Any]) -> dict[str, Any]:
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
