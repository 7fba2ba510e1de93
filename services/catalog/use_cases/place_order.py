"""Placing an order: the catalogue says what it costs, and what is agreed does not move."""

from collections.abc import Sequence

from sqlalchemy import select

from services.catalog.domain import Order
from services.catalog.domain.order_numbers import draw_number
from services.catalog.product_types import ProductTypes
from services.catalog.use_cases.loading import order_changed
from services.catalog.use_cases.pricing import WantedItem, offers_for, priced
from shared.database import UnitOfWork
from shared.kernel import Principal
from shared.web.access import account_of


async def place_order(
    work: UnitOfWork, types: ProductTypes, *, caller: Principal, currency: str, items: Sequence[WantedItem]
) -> Order:
    """A new order of the caller's account at the catalogue's present prices, frozen on it. Raises as `priced` does."""
    account_id = account_of(caller)
    lines = priced(await offers_for(work.session, items), types, currency, items)
    order = Order.place(
        await _free_number(work),
        account_id,
        caller.user_id,
        currency,
        [line.item for line in lines],
        at=work.clock.now(),
    )
    work.add(order)
    await work.session.flush()
    order_changed(work, order)
    return order


async def _free_number(work: UnitOfWork) -> str:
    """A number no order has. Should two draw the same one at once, the database refuses the second order."""
    while True:
        number = draw_number()
        if (await work.session.execute(select(Order.id).where(Order.number == number))).first() is None:
            return number
