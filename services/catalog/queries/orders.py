"""Lists of orders, and one order."""

import re
from typing import Literal

from sqlalchemy import ARRAY, ColumnElement, Select, any_, bindparam, func, select, text, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from services.catalog.domain import Entitlement, Order, OrderItem
from services.catalog.queries.order_views import OrderView, StaffOrderView, order_view, staff_order_view
from services.catalog.queries.timeline import order_timeline
from shared.contracts.reads.common import Page, Timeline
from shared.kernel import NotFound, decode_id
from shared.web.pagination import PageRequest, page_of

OrderStatus = Literal["awaiting_payment", "under_review", "paid", "fulfilled", "canceled", "expired"]

MOST_NAMES = 200

_NUMBER = re.compile(r"(?:EZ-)?([0-9]{1,18})", re.IGNORECASE)
_WITH_LINES = (selectinload(Order.items), selectinload(Order.entitlements))


def _owned(account_id: str) -> Select[Order]:
    """The orders of one account: every customer's read starts here."""
    return select(Order).where(Order.account_id == account_id)


async def account_orders(session: AsyncSession, account_id: str, request: PageRequest) -> Page[OrderView]:
    """The account's orders, newest first."""
    return await page_of(session, _owned(account_id).options(*_WITH_LINES), Order.id, request, order_view)


async def account_order(session: AsyncSession, account_id: str, order_id: str) -> OrderView:
    """One order of the account. Raises NotFound, for another account's order too."""
    return order_view(await _one(session, _owned(account_id).where(Order.id == order_id).options(*_WITH_LINES)))


async def must_own(session: AsyncSession, account_id: str, order_id: str) -> None:
    """Raises NotFound unless the order is the account's."""
    found = await session.execute(_owned(account_id).where(Order.id == order_id).with_only_columns(Order.id))
    if found.first() is None:
        raise NotFound("There is no order with this id.")


async def account_timeline(session: AsyncSession, account_id: str, order_id: str) -> Timeline:
    """What happened to one order of the account. Raises NotFound."""
    statement = _owned(account_id).where(Order.id == order_id).options(selectinload(Order.entitlements))
    return await order_timeline(session, await _one(session, statement), for_staff=False)


async def all_orders(
    session: AsyncSession, request: PageRequest, status: OrderStatus | None, wanted: str | None
) -> Page[StaffOrderView]:
    """Every account's orders for staff, newest first.

    `wanted` is an order's number or id, an account's id, or the beginning of a host name; one that very many have
    finds the first `MOST_NAMES` in the alphabet.
    """
    statement = select(Order).options(*_WITH_LINES, selectinload(Order.payments))
    if status is not None:
        statement = statement.where(Order.has_status(status))
    if wanted:
        statement = statement.where(_matching(wanted))
    return await page_of(session, statement, Order.id, request, staff_order_view)


async def any_order(session: AsyncSession, order_id: str) -> StaffOrderView:
    """One order of any account, for staff. Raises NotFound."""
    statement = select(Order).where(Order.id == order_id).options(*_WITH_LINES, selectinload(Order.payments))
    return staff_order_view(await _one(session, statement))


async def any_timeline(session: AsyncSession, order_id: str) -> Timeline:
    """What happened to an order of any account, with what only staff may read. Raises NotFound."""
    statement = select(Order).where(Order.id == order_id).options(selectinload(Order.entitlements))
    return await order_timeline(session, await _one(session, statement), for_staff=True)


async def _one(session: AsyncSession, statement: Select[Order]) -> Order:
    order = (await session.execute(statement)).scalar_one_or_none()
    if order is None:
        raise NotFound("There is no order with this id.")
    return order


def _matching(wanted: str) -> ColumnElement[bool]:
    number = _NUMBER.fullmatch(wanted)
    if number is not None:
        return Order.serial == int(number[1])
    if _is_id("ord", wanted):
        return Order.id == wanted
    if _is_id("acc", wanted):
        # Written into the statement: a plan made for any account is wrong for one with very many orders.
        return Order.account_id == bindparam("account", wanted, Order.account_id.type, literal_execute=True)
    names = union(_begin_with(OrderItem, wanted), _begin_with(Entitlement, wanted))
    # As an array the names are looked up first; in a join the planner may walk all orders in search of them.
    return Order.id == any_(func.array(names.scalar_subquery(), type_=ARRAY(Order.id.type)))


def _begin_with(kind: type[OrderItem] | type[Entitlement], beginning: str) -> Select[str]:
    """The orders of what is called so, `MOST_NAMES` at most: in the order of the index over beginnings, so that a page
    costs the same however many names fit.
    """
    return (
        select(kind.order_id)
        .where(kind.hostname.startswith(beginning.lower(), autoescape=True))
        .order_by(text(f"{kind.__tablename__}.hostname USING ~<~"))
        .limit(MOST_NAMES)
    )


def _is_id(prefix: str, wanted: str) -> bool:
    try:
        decode_id(prefix, wanted)
    except ValueError:
        return False
    return True
