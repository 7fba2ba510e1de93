"""A customer's orders, and the page that proves what happened to each."""

import asyncio
from typing import Any

from starlette.responses import Response

from gateway.web.choices import Choices
from gateway.web.pages.buying import to_checkout
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.timeline import delivery, in_order, tally
from gateway.web.upstream import UpstreamAway
from gateway.web.visit import Visit
from shared.contracts.reads.catalog import OrderDetail, OrderView
from shared.contracts.reads.common import Page
from shared.contracts.reads.provisioning import ServiceDetail

_IN_PROGRESS = frozenset({"awaiting_payment", "under_review", "paid"})
# A browser keeps about six connections to one site: the order's stream and these leave room for the page itself.
_STREAMED_SERVICES = 2


async def orders(visit: Visit) -> Response:
    listing = await read_listing(visit, "catalog", "/api/v1/orders", OrderView)
    return visit.render("orders/list.html", listing=listing)


async def order(visit: Visit) -> Response:
    return visit.render("orders/detail.html", **await _story(visit))


async def live(visit: Visit) -> Response:
    return visit.render("orders/_live.html", **await _story(visit))


async def _story(visit: Visit) -> dict[str, Any]:
    order_id = visit.path("order_id")
    found, services = await asyncio.gather(
        visit.read("catalog", f"/api/v1/orders/{order_id}", OrderDetail), _services(visit, order_id)
    )
    deliveries = [delivery(service) for service in services or ()]
    moving = [one.service.id for one in deliveries if one.moving]
    # One service is one story with its order; of several each has a row of its own, folded.
    built = deliveries[0].steps if len(deliveries) == 1 else []
    return {
        "order": found,
        "again": {item.id: Choices.of_item(item, found.currency).address() for item in found.items},
        "deliveries": deliveries,
        # Half a story is said to be half: the page tells when provisioning could not be asked.
        "services_known": services is not None,
        "steps": in_order(found.timeline, built),
        "tally": tally(found, services),
        "in_progress": found.status in _IN_PROGRESS or bool(moving),
        "returned": visit.query.get("checkout") == "success",
        "streams": [f"/live/orders/{order_id}", *(f"/live/services/{one}" for one in moving[:_STREAMED_SERVICES])],
    }


async def _services(visit: Visit, order_id: str) -> list[ServiceDetail] | None:
    """Every service of the order with its timeline; None when not all of them could be read."""
    try:
        answer = await visit.call(
            "provisioning", "GET", "/api/v1/services", params={"order_id": order_id, "include": "timeline"}
        )
    except UpstreamAway:
        return None
    if not answer.ok:
        return None
    page = answer.parse(Page[ServiceDetail])
    return None if page.next_cursor else page.data


async def pay(visit: Visit) -> Response:
    return await to_checkout(visit, visit.path("order_id"))


async def cancel(visit: Visit) -> Response:
    order_id = visit.path("order_id")
    answer = await visit.call("catalog", "POST", f"/api/v1/orders/{order_id}/cancel")
    if answer.status == 409:
        return visit.redirect(f"/orders/{order_id}", "not-cancelable")
    visit.require("catalog", answer)
    return visit.redirect(f"/orders/{order_id}", "order-canceled")


async def returned(visit: Visit) -> Response:
    """Where Checkout sends people back. What it says is only a hint: the order's own state is what counts."""
    order_id = visit.path("order_id")
    if visit.query.get("result") == "success":
        return visit.redirect(f"/orders/{order_id}?checkout=success")
    return visit.redirect(f"/orders/{order_id}", "checkout-left")


ROUTES = (
    get("/orders", orders, "orders.read"),
    get("/orders/{order_id}", order, "orders.read"),
    get("/orders/{order_id}/live", live, "orders.read"),
    get("/orders/{order_id}/return", returned, "orders.read"),
    post("/orders/{order_id}/pay", pay, "orders.place"),
    post("/orders/{order_id}/cancel", cancel, "orders.place"),
)
