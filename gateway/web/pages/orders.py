"""A customer's orders, and the page that proves what happened to each."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gateway.web.pages.buying import to_checkout
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.timeline import Step, merge, tally
from gateway.web.upstream import UpstreamAway
from gateway.web.visit import Visit

_IN_PROGRESS = frozenset({"awaiting_payment", "under_review", "paid"})
_MOVING = frozenset({"pending", "provisioning"})
# A browser keeps about six connections to one site: the order's stream and these leave room for the page itself.
_STREAMED_SERVICES = 2


async def orders(visit: Visit) -> Response:
    return visit.render("orders/list.html", listing=await read_listing(visit, "catalog", "/api/v1/orders"))


async def order(visit: Visit) -> Response:
    return visit.render("orders/detail.html", **await _story(visit))


async def live(visit: Visit) -> Response:
    return visit.render("orders/_live.html", **await _story(visit))


async def _story(visit: Visit) -> dict[str, Any]:
    order_id = visit.path("order_id")
    path = f"/api/v1/orders/{order_id}"
    found, entries, services = await asyncio.gather(
        visit.read("catalog", path), visit.read("catalog", f"{path}/timeline"), _services(visit, order_id)
    )
    timelines = await asyncio.gather(*(_service_timeline(visit, service) for service in services or ()))
    moving = [service["id"] for service in services or () if service["status"] in _MOVING]
    in_progress = found["status"] in _IN_PROGRESS or bool(moving)
    return {
        "order": found,
        "services": services or [],
        # Half a story is said to be half: the page tells when provisioning could not be asked.
        "services_known": services is not None and None not in timelines,
        "steps": _steps(entries["data"], services or [], timelines),
        "tally": tally(found, services or []),
        "in_progress": in_progress,
        "returned": visit.query.get("checkout") == "success",
        "streams": [f"/live/orders/{order_id}", *(f"/live/services/{one}" for one in moving[:_STREAMED_SERVICES])],
    }


def _steps(entries: Any, services: list[Mapping[str, Any]], timelines: list[Any]) -> list[Step]:
    named = [
        (str(service["name"]), entries_of)
        for service, entries_of in zip(services, timelines, strict=True)
        if entries_of is not None
    ]
    return merge(entries, named)


async def _services(visit: Visit, order_id: str) -> list[Mapping[str, Any]] | None:
    try:
        answer = await visit.call("provisioning", "GET", "/api/v1/services", params={"order_id": order_id})
    except UpstreamAway:
        return None
    return list(answer.data["data"]) if answer.ok else None


async def _service_timeline(visit: Visit, service: Mapping[str, Any]) -> Any:
    try:
        answer = await visit.call("provisioning", "GET", f"/api/v1/services/{service['id']}/timeline")
    except UpstreamAway:
        return None
    return answer.data["data"] if answer.ok else None


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
    get("/orders", orders),
    get("/orders/{order_id}", order),
    get("/orders/{order_id}/live", live),
    get("/orders/{order_id}/return", returned),
    post("/orders/{order_id}/pay", pay),
    post("/orders/{order_id}/cancel", cancel),
)
