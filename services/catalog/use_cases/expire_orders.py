"""Expires orders whose time is over, also where billing never told that their payment page has expired."""

from datetime import timedelta

from sqlalchemy import select

from services.catalog.domain import Order
from services.catalog.use_cases.loading import order_changed
from shared.contracts.catalog import OrderCanceled
from shared.database import UnitOfWork

GRACE = timedelta(hours=1)
BATCH = 100


async def expire_unpaid_orders(work: UnitOfWork) -> int:
    """Expires up to `BATCH` orders whose time to pay ended more than `GRACE` ago; returns how many.

    Where a payment page was asked for, billing is told to close it, so that nobody pays for an expired order.
    """
    now = work.clock.now()
    statement = (
        select(Order)
        .where(Order.awaits_payment(), Order.expires_at < now - GRACE)
        .order_by(Order.expires_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    orders = (await work.session.execute(statement)).scalars().all()
    for order in orders:
        order.expire(at=now, by="clock")
        if order.checkout_requested_at is not None:
            work.publish(OrderCanceled(order_id=order.id, account_id=order.account_id, reason="the order is expired"))
        order_changed(work, order)
    return len(orders)
