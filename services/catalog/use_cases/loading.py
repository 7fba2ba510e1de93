"""How use cases load what they are going to change: the row locked, with all that its rules look at."""

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from services.catalog.domain import Order, Plan
from shared.database import UnitOfWork

NO_ORDER = "There is no order with this id."
NO_PLAN = "There is no plan with this id."


def whole_order(order_id: str) -> Select[Order]:
    """The order with its items, payments and entitlements, locked against every other change."""
    return (
        select(Order)
        .where(Order.id == order_id)
        .options(selectinload(Order.items), selectinload(Order.payments), selectinload(Order.entitlements))
        .with_for_update(of=Order)
    )


async def locked_order(work: UnitOfWork, order_id: str, account_id: str | None = None) -> Order:
    """The whole order, locked. With `account_id` only if it is that account's. Raises NotFound."""
    statement = whole_order(order_id)
    if account_id is not None:
        statement = statement.where(Order.account_id == account_id)
    return await work.one(statement, NO_ORDER)


async def locked_plan(work: UnitOfWork, plan_id: str) -> Plan:
    """The plan with its product and prices, locked. Raises NotFound."""
    statement = (
        select(Plan)
        .where(Plan.id == plan_id)
        .options(selectinload(Plan.product), selectinload(Plan.prices))
        .with_for_update(of=Plan)
    )
    return await work.one(statement, NO_PLAN)


def order_changed(work: UnitOfWork, order: Order) -> None:
    """Tells whoever watches this order to look again, once the change is committed."""
    work.wake(f"timeline:{order.id}")
