"""What needs a person in catalog, in one read for the console's front page."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.adapters.tables import plumbing
from services.catalog.domain import Order
from services.catalog.queries.order_views import staff_order_view
from services.catalog.queries.orders import FOR_STAFF
from shared.contracts.reads.catalog import CatalogOverview
from shared.contracts.reads.common import MoneyView
from shared.kernel import encode_id
from shared.web.invariants import floor_id

MOST = 100
_RECENT = 10


async def overview(session: AsyncSession, now: datetime) -> CatalogOverview:
    """Counts are exact up to `MOST`; today is the day in UTC; `recent` are the newest orders."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    failed = (text("attention <> '[]'::jsonb"), Order.attention.contains(["delivery_failed"]), Order.has_status("paid"))
    counts = (
        await session.execute(
            select(
                _count(Order.has_status("under_review")).label("under_review"),
                _count(*failed).label("delivery_failed"),
                _count(Order.has_status("awaiting_payment")).label("awaiting_payment"),
                _count(Order.id >= encode_id("ord", floor_id(today))).label("orders_today"),
                _given_up().label("dead_letters"),
            )
        )
    ).one()
    paid = await session.execute(
        select(Order.currency, func.sum(Order.total_minor))
        .where(Order.paid_at >= today)
        .group_by(Order.currency)
        .order_by(Order.currency)
    )
    recent = await session.execute(select(Order).options(*FOR_STAFF).order_by(Order.id.desc()).limit(_RECENT))
    return CatalogOverview(
        under_review=counts.under_review,
        delivery_failed=counts.delivery_failed,
        awaiting_payment=counts.awaiting_payment,
        dead_letters=counts.dead_letters,
        paid_today=[MoneyView(amount_minor=int(amount), currency=currency) for currency, amount in paid],
        orders_today=counts.orders_today,
        recent=[staff_order_view(order, order.customer) for order in recent.scalars()],
    )


def _count(*conditions: ColumnElement[bool] | Any) -> Any:
    return _bounded(select(literal(1)).select_from(Order).where(*conditions))


def _given_up() -> Any:
    """Facts, coming or going, that gave up or wait for a person."""
    both = [
        _bounded(select(literal(1)).where(text(f"{table.name}.state IN ('dead', 'parked')")).select_from(table))
        for table in (plumbing.inbox_table, plumbing.outbox_table)
    ]
    return func.least(both[0] + both[1], MOST)


def _bounded(rows: Select[Any]) -> Any:
    return select(func.count()).select_from(rows.limit(MOST).subquery()).scalar_subquery()
