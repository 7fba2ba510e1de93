"""Lists of orders, and one order."""

from typing import Literal

from sqlalchemy import ARRAY, ColumnElement, Select, any_, bindparam, func, or_, select, text, true, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload, selectinload

from services.catalog.domain import Customer, Entitlement, Order, OrderItem
from services.catalog.domain.order_numbers import number_in
from services.catalog.queries.order_views import order_detail, order_view, staff_order_detail, staff_order_view
from services.catalog.queries.owned import owned
from services.catalog.queries.timeline import order_timeline
from shared.contracts.reads.catalog import OrderDetail, OrderView, StaffOrderDetail, StaffOrderView
from shared.contracts.reads.common import Page, Timeline
from shared.kernel import NotFound, Principal, decode_id
from shared.web.pagination import PageRequest, page_of

OrderStatus = Literal["awaiting_payment", "under_review", "paid", "fulfilled", "canceled", "expired"]

MOST_NAMES = 200
_BY = (Customer.email, Customer.name)

_WITH_LINES = (selectinload(Order.items), selectinload(Order.entitlements))
FOR_STAFF = (*_WITH_LINES, selectinload(Order.payments), joinedload(Order.customer))


async def own_orders(session: AsyncSession, caller: Principal, request: PageRequest) -> Page[OrderView]:
    """The account's orders, newest first."""
    return await page_of(session, owned(caller).options(*_WITH_LINES), Order.id, request, order_view)


async def own_order_detail(session: AsyncSession, caller: Principal, order_id: str) -> OrderDetail:
    """One order of the account with its timeline. Raises NotFound, for another account's order too."""
    order = await _one(session, owned(caller).where(Order.id == order_id).options(*_WITH_LINES))
    return order_detail(order, (await order_timeline(session, order, for_staff=False)).data)


async def must_own(session: AsyncSession, caller: Principal, order_id: str) -> None:
    """Raises NotFound unless the order is the account's."""
    found = await session.execute(owned(caller).where(Order.id == order_id).with_only_columns(Order.id))
    if found.first() is None:
        raise NotFound("There is no order with this id.")


async def own_timeline(session: AsyncSession, caller: Principal, order_id: str) -> Timeline:
    """What happened to one order of the account. Raises NotFound."""
    statement = owned(caller).where(Order.id == order_id).options(selectinload(Order.entitlements))
    return await order_timeline(session, await _one(session, statement), for_staff=False)


async def all_orders(
    session: AsyncSession, request: PageRequest, status: OrderStatus | None, wanted: str | None
) -> Page[StaffOrderView]:
    """Every account's orders for staff, newest first.

    `wanted` is an order's number or id, an account's id, or the beginning of a name: of what was ordered, of the
    customer, or of the customer's e-mail address. A beginning that very many share finds the first `MOST_NAMES` in the
    alphabet, and of the customers found `MOST_NAMES` orders.
    """
    statement = select(Order).options(*FOR_STAFF)
    if status is not None:
        statement = statement.where(Order.has_status(status))
    if wanted:
        statement = statement.where(_matching(wanted))
    return await page_of(session, statement, Order.id, request, lambda order: staff_order_view(order, order.customer))


async def any_order_detail(session: AsyncSession, order_id: str) -> StaffOrderDetail:
    """One order of any account with its timeline, for staff. Raises NotFound."""
    order = await _one(session, select(Order).where(Order.id == order_id).options(*FOR_STAFF))
    return staff_order_detail(order, (await order_timeline(session, order, for_staff=True)).data)


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
    if _is_id("ord", wanted):
        return Order.id == wanted
    if _is_id("acc", wanted):
        # Written into the statement: a plan made for any account is wrong for one with very many orders.
        return Order.account_id == bindparam("account", wanted, Order.account_id.type, literal_execute=True)
    number = number_in(wanted)
    if number is None:
        return _called(wanted)
    return Order.number == number[0] if number[1] else or_(Order.number == number[0], _called(wanted))


def _called(beginning: str) -> ColumnElement[bool]:
    found = union(_begin_with(OrderItem, beginning), _begin_with(Entitlement, beginning), _of_customers(beginning))
    # As an array the ids are looked up first; in a join the planner may walk all orders in search of them.
    return Order.id == any_(func.array(found.scalar_subquery(), type_=ARRAY(Order.id.type)))


def _begin_with(kind: type[OrderItem] | type[Entitlement], beginning: str) -> Select[str]:
    """The orders of what is called so, `MOST_NAMES` at most: in the order of the index over beginnings, so that a page
    costs the same however many names fit.
    """
    return (
        select(kind.order_id)
        .where(func.lower(kind.name).startswith(beginning.lower(), autoescape=True))
        .order_by(text(f"lower({kind.__tablename__}.name) USING ~<~"))
        .limit(MOST_NAMES)
    )


def _of_customers(beginning: str) -> Select[str]:
    """The orders of the customers whose name or address begins so, of each the newest first, `MOST_NAMES` at most."""
    accounts = union(*(_customers(column, beginning) for column in _BY)).subquery()
    newest = (
        select(Order.id)
        .where(Order.account_id == accounts.c.account_id)
        .order_by(Order.id.desc())
        .limit(MOST_NAMES)
        .lateral()
    )
    return select(newest.c.id).select_from(accounts).join(newest, true()).limit(MOST_NAMES)


def _customers(column: InstrumentedAttribute[str], beginning: str) -> Select[str]:
    return (
        select(Customer.account_id)
        .where(func.lower(column).startswith(beginning.lower(), autoescape=True))
        .order_by(text(f"lower(customers.{column.key}) USING ~<~"))
        .limit(MOST_NAMES)
    )


def _is_id(prefix: str, wanted: str) -> bool:
    try:
        decode_id(prefix, wanted)
    except ValueError:
        return False
    return True
