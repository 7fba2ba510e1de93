"""Giving up an order that was not paid."""

from services.catalog.domain import Order
from services.catalog.use_cases.loading import order_changed, own_order
from shared.contracts.catalog import OrderCanceled
from shared.database import UnitOfWork
from shared.kernel import Principal


async def cancel_order(work: UnitOfWork, *, caller: Principal, order_id: str) -> Order:
    """The account gives its order up. Safe to repeat.

    Billing is told once, also while it opens the payment page: it remembers that the order is closed, and closes a page
    that opens afterwards. Raises NotFound for another account's order and Conflict (`order-not-cancelable`) once it is
    paid or over.
    """
    order = await own_order(work, caller, order_id)
    if order.cancel(at=work.clock.now(), by=work.actor):
        work.publish(OrderCanceled(order_id=order.id, account_id=order.account_id, reason="canceled by the customer"))
        order_changed(work, order)
    return order
