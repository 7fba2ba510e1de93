"""Giving up an order that was not paid."""

from services.catalog.domain import Order
from services.catalog.use_cases.loading import locked_order, order_changed
from shared.contracts.catalog import OrderCanceled
from shared.database import UnitOfWork


async def cancel_order(work: UnitOfWork, *, order_id: str, account_id: str, by: str) -> Order:
    """The account gives its order up; billing closes the payment page. Safe to repeat.

    Raises NotFound for another account's order and Conflict (`order-not-cancelable`) once it is paid or over.
    """
    order = await locked_order(work, order_id, account_id)
    if order.cancel(at=work.clock.now(), by=by):
        work.publish(OrderCanceled(order_id=order.id, account_id=order.account_id, reason="canceled by the customer"))
        order_changed(work, order)
    return order
