"""Every order, and the plans they are placed for."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, FormErrors, form_errors
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.timeline import merge, tally
from gateway.web.upstream import UpstreamAway
from gateway.web.visit import Visit


async def orders(visit: Visit) -> Response:
    listing = await read_listing(visit, "catalog", "/api/v1/staff/orders", ("status", "q"))
    return visit.render("console/orders.html", listing=listing)


async def order(visit: Visit) -> Response:
    return await _order_page(visit, NO_ERRORS)


async def accept_payment(visit: Visit) -> Response:
    """Decides that the money under review pays the order."""
    order_id = visit.path("order_id")
    reason = visit.form.get("reason", "").strip()
    answer = await visit.call(
        "catalog", "POST", f"/api/v1/staff/orders/{order_id}/accept-payment", json={"reason": reason}
    )
    if answer.status in {400, 409, 422}:
        return await _order_page(visit, form_errors(answer, frozenset({"reason"})), answer.status)
    visit.require("catalog", answer)
    return visit.redirect(f"/console/orders/{order_id}", "payment-accepted")


async def _order_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    path = f"/api/v1/staff/orders/{visit.path('order_id')}"
    found, entries = await asyncio.gather(visit.read("catalog", path), visit.read("catalog", f"{path}/timeline"))
    ids = [grant["service_id"] for grant in found["entitlements"] if grant["service_id"]]
    services = await asyncio.gather(*(_service(visit, service_id) for service_id in ids))
    known = [service for service in services if service is not None]
    return visit.render(
        "console/order.html",
        status,
        errors=errors,
        values=visit.form,
        order=found,
        services=known,
        services_known=len(known) == len(ids),
        steps=merge(entries["data"], []),
        tally=tally(found, known),
    )


async def _service(visit: Visit, service_id: str) -> Mapping[str, Any] | None:
    try:
        answer = await visit.call("provisioning", "GET", f"/api/v1/staff/services/{service_id}")
    except UpstreamAway:
        return None
    return answer.data if answer.ok else None


async def plans(visit: Visit) -> Response:
    listing = await read_listing(visit, "catalog", "/api/v1/staff/plans")
    return visit.render("console/plans.html", listing=listing)


async def publish_plan(visit: Visit) -> Response:
    plan_id = visit.path("plan_id")
    answer = await visit.call("catalog", "POST", f"/api/v1/staff/plans/{plan_id}/publish")
    visit.require("catalog", answer)
    return visit.redirect("/console/plans", "plan-published")


ROUTES = (
    get("/console/orders", orders, "staff"),
    get("/console/orders/{order_id}", order, "staff"),
    post("/console/orders/{order_id}/accept", accept_payment, "staff"),
    get("/console/plans", plans, "staff"),
    post("/console/plans/{plan_id}/publish", publish_plan, "staff"),
)
