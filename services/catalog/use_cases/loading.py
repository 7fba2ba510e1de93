"""How use cases load what they are going to change: the row locked, with all that its rules look at."""

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from services.catalog.domain import Entitlement, Order, Plan
from services.catalog.queries.owned import owned
from shared.database import UnitOfWork
from shared.kernel import NotFound, Principal

NO_ORDER = "There is no order with this id."
NO_PLAN = "There is no plan with this id."
NO_ENTITLEMENT = "There is no entitlement with this id."


def whole(orders: Select[Order]) -> Select[Order]:
    """These orders with their items, payments and entitlements, locked against every other change."""
    return orders.options(
        selectinload(Order.items), selectinload(Order.payments), selectinload(Order.entitlements)
    ).with_for_update(of=Order)


async def locked_order(work: UnitOfWork, order_id: str, account_id: str | None = None) -> Order:
    """The whole order, locked. With `account_id` only if it is that account's. Raises NotFound."""
    statement = select(Order).where(Order.id == order_id)
    if account_id is not None:
        statement = statement.where(Order.account_id == account_id)
    return await work.one(whole(statement), NO_ORDER)


async def own_order(work: UnitOfWork, caller: Principal, order_id: str) -> Order:
    """The whole order, locked, if it is the caller's. Raises NotFound."""
    return await work.one(whole(owned(caller).where(Order.id == order_id)), NO_ORDER)


async def locked_entitlement(work: UnitOfWork, entitlement_id: str) -> tuple[Order, Entitlement]:
    """An entitlement with its whole order, which is what is locked. Raises NotFound."""
    statement = select(Entitlement.order_id).where(Entitlement.id == entitlement_id)
    order_id = await work.one(statement, NO_ENTITLEMENT)
    order = await locked_order(work, order_id)
    return order, entitlement_of(order, entitlement_id)


def entitlement_of(order: Order, entitlement_id: str) -> Entitlement:
    """The entitlement of a whole order. Raises NotFound."""
    for entitlement in order.entitlements:
        if entitlement.id == entitlement_id:
            return entitlement
    raise NotFound(f"{order.id} has no entitlement {entitlement_id}")


async def locked_plan(work: UnitOfWork, plan_id: str) -> Plan:
    """The plan with its group and prices, locked. Raises NotFound."""
    statement = (
        select(Plan)
        .where(Plan.id == plan_id)
        .options(selectinload(Plan.group), selectinload(Plan.prices))
        .with_for_update(of=Plan)
    )
    return await work.one(statement, NO_PLAN)


def order_changed(work: UnitOfWork, order: Order) -> None:
    """Tells whoever watches this order to look again, once the change is committed."""
    work.wake(f"timeline:{order.id}")
