"""What an account may do with its orders."""

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from services.catalog.adapters.billing import Checkouts
from services.catalog.api.schemas import OrderBody
from services.catalog.product_types import ProductTypes
from services.catalog.queries.order_views import order_view
from services.catalog.queries.orders import must_own, own_order_detail, own_orders, own_timeline
from services.catalog.use_cases.cancel_order import cancel_order
from services.catalog.use_cases.open_checkout import OpenPage, record_checkout, request_checkout
from services.catalog.use_cases.place_order import place_order
from shared.contracts.reads.base import Page, Timeline
from shared.contracts.reads.catalog import CheckoutView, OrderDetail, OrderView
from shared.database import Database, Listener, UnitOfWork
from shared.kernel.crashpoints import reach
from shared.web.access import Caller, PermissionRouter, customer_router
from shared.web.fields import path_id
from shared.web.idempotency import IdempotencyKeyOptional, IdempotencyKeyRequired
from shared.web.pagination import PageQuery
from shared.web.streams import change_stream

OrderId = path_id("ord")


def customer_routes(database: Database, listener: Listener, checkouts: Checkouts, types: ProductTypes) -> APIRouter:
    """Placing, watching, paying for and giving up orders."""
    router = customer_router("/api/v1/orders")
    _reading(router, database, listener)
    _buying(router, database, checkouts, types)
    return router


def _reading(router: PermissionRouter, database: Database, listener: Listener) -> None:
    @router.get("", permission="orders.read")
    async def list_orders(caller: Caller, page: PageQuery) -> Page[OrderView]:
        """The account's orders, newest first."""
        async with database.read() as session:
            return await own_orders(session, caller, page)

    @router.get("/{order_id}", permission="orders.read")
    async def get_order(caller: Caller, order_id: OrderId) -> OrderDetail:  # type: ignore[valid-type]
        """One order with its timeline."""
        async with database.read() as session:
            return await own_order_detail(session, caller, order_id)

    @router.get("/{order_id}/timeline", permission="orders.read")
    async def get_order_timeline(caller: Caller, order_id: OrderId) -> Timeline:  # type: ignore[valid-type]
        """What happened to an order, in the order it happened."""
        async with database.read() as session:
            return await own_timeline(session, caller, order_id)

    @router.get("/{order_id}/stream", permission="orders.read", response_class=StreamingResponse)
    async def stream_order(caller: Caller, order_id: OrderId) -> StreamingResponse:  # type: ignore[valid-type]
        """Server-sent events that say when to read the order again."""
        async with database.read() as session:
            await must_own(session, caller, order_id)
        return change_stream(listener, "timeline", order_id)


def _buying(router: PermissionRouter, database: Database, checkouts: Checkouts, types: ProductTypes) -> None:
    @router.post("", permission="orders.place", status_code=201, response_model=OrderView)
    async def create_order(caller: Caller, body: OrderBody, once: IdempotencyKeyRequired) -> object:
        """Places an order at the catalogue's prices. Its items may renew at different intervals."""

        async def change(work: UnitOfWork) -> BaseModel:
            order = await place_order(work, types, caller=caller, currency=body.currency, items=body.wanted())
            return order_view(order)

        return await once(change, status=201)

    @router.post("/{order_id}/checkout", permission="orders.place")
    async def open_checkout(caller: Caller, order_id: OrderId) -> CheckoutView:  # type: ignore[valid-type]
        """Opens the page where the order is paid, or returns the one that is open."""
        found = await database.run(lambda work: request_checkout(work, caller=caller, order_id=order_id))
        if isinstance(found, OpenPage):
            return CheckoutView(url=found.url, expires_at=found.expires_at)
        page = await checkouts.open(found)
        reach("catalog.checkout.after_billing")
        kept = await database.run(lambda work: record_checkout(work, caller=caller, order_id=order_id, page=page))
        if not isinstance(kept, OpenPage):
            raise kept
        return CheckoutView(url=kept.url, expires_at=kept.expires_at)

    @router.post("/{order_id}/cancel", permission="orders.place", response_model=OrderView)
    async def cancel(caller: Caller, order_id: OrderId, once: IdempotencyKeyOptional) -> object:  # type: ignore[valid-type]
        """Gives up an order that was not paid. Safe to repeat."""

        async def change(work: UnitOfWork) -> BaseModel:
            return order_view(await cancel_order(work, caller=caller, order_id=order_id))

        return await once(change)
