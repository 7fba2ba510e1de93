"""A customer's services: what runs, how to get in, what it costs, what happened to it, and what can be done now."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from starlette.responses import Response

from gateway.web.pages.listing import Listing, read_listing
from gateway.web.pages.route import get, post
from gateway.web.timeline import in_order
from gateway.web.visit import Visit
from shared.contracts.reads.billing import SubscriptionView
from shared.contracts.reads.catalog import OrderDetail
from shared.contracts.reads.common import MoneyView, Page
from shared.contracts.reads.provisioning import SecretView, ServiceDetail, ServiceView

POWER = frozenset({"start", "stop", "reboot"})
_CHANGING = frozenset({"setting_up", "working", "delayed"})
_SERVICES = "/api/v1/services"
_SEARCHED, _LONGEST = 100, 200
_STATES = ("running", "stopped", "setting_up", "suspended", "ended")


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a service costs, and when that is due again; `ends_at` instead when it was canceled."""

    price: MoneyView
    interval: str
    status: str | None
    next_charge_at: datetime | None
    ends_at: datetime | None


async def services(visit: Visit) -> Response:
    """The list, or what fits the filters among the newest hundred; the page says when there are more."""
    state, words = visit.query.line("state"), visit.query.line("q")[:_LONGEST].lower()
    if not state and not words:
        listing = await read_listing(visit, "provisioning", _SERVICES, ServiceView)
        listing = replace(listing, filters={"state": "", "q": ""})
        return visit.render("services/list.html", listing=listing, states=_STATES, partial=False)
    page = await visit.read("provisioning", _SERVICES, Page[ServiceView], {"limit": str(_SEARCHED)})
    rows = [one for one in page.data if state in ("", one.state) and _has(one, words)]
    found = Listing(rows, None, None, None, {"state": state, "q": words}, visit.request.url.path)
    return visit.render("services/list.html", listing=found, states=_STATES, partial=page.next_cursor is not None)


def _has(one: ServiceView, words: str) -> bool:
    return any(words in text.lower() for text in (one.name, one.address or "", one.plan.name))


async def service(visit: Visit) -> Response:
    return visit.render("services/detail.html", **await _story(visit))


async def live(visit: Visit) -> Response:
    return visit.render("services/_live.html", **await _story(visit))


async def _story(visit: Visit) -> dict[str, Any]:
    service_id = visit.path("service_id")
    found = await visit.read("provisioning", f"/api/v1/services/{service_id}", ServiceDetail)
    return {
        "service": found,
        "actions": found.actions if visit.may("services.power") else [],
        "power": POWER,
        "steps": in_order(found.timeline),
        "renewal": await _renewal(visit, found),
        "in_progress": found.state in _CHANGING or found.pending_action is not None,
        "streams": [f"/live/services/{service_id}"],
    }


async def _renewal(visit: Visit, found: ServiceView) -> Renewal | None:
    """From the order the price, from billing the date; None where the order cannot be read."""
    order, subscriptions = await asyncio.gather(
        visit.read_or_none("catalog", f"/api/v1/orders/{found.order_id}", OrderDetail),
        visit.read_or_none(
            "billing", "/api/v1/subscriptions", Page[SubscriptionView], {"order_id": found.order_id, "limit": "100"}
        ),
    )
    if order is None:
        return None
    item_id = next((one.item_id for one in order.entitlements if one.id == found.entitlement_id), None)
    item = next((one for one in order.items if one.id == item_id), None)
    if item is None:
        return None
    renewing = next((one for one in (subscriptions.data if subscriptions else ()) if item.id in one.item_ids), None)
    return Renewal(
        item.unit,
        item.interval,
        renewing.status if renewing else None,
        renewing.next_charge_at if renewing else None,
        renewing.ends_at if renewing else None,
    )


async def power(visit: Visit) -> Response:
    return await _act(visit, "power", visit.form.line("action"))


async def act(visit: Visit) -> Response:
    return await _act(visit, f"actions/{visit.path('action')}", visit.path("action"))


async def _act(visit: Visit, target: str, action: str) -> Response:
    page = f"/services/{visit.path('service_id')}"
    body = {"action": action} if target == "power" else {}
    answer = await visit.call("provisioning", "POST", f"/api/v1{page}/{target}", json=body)
    if answer.status == 409:
        busy = answer.slug == "action-in-progress"
        return visit.redirect(page, "action-in-progress" if busy else "service-not-active")
    visit.require("provisioning", answer)
    return visit.redirect(page, f"power-{action}" if action in POWER else "action-begun")


async def secret(visit: Visit) -> Response:
    """The one-time password, shown this once."""
    service_id = visit.path("service_id")
    answer = await visit.call("provisioning", "POST", f"/api/v1/services/{service_id}/secret", json={})
    if answer.status in {404, 409, 410}:
        return visit.redirect(f"/services/{service_id}", "secret-gone")
    shown = visit.require("provisioning", answer).parse(SecretView)
    return visit.render("services/secret.html", service_id=service_id, value=shown.value)


ROUTES = (
    get("/services", services, "services.read"),
    get("/services/{service_id}", service, "services.read"),
    get("/services/{service_id}/live", live, "services.read"),
    post("/services/{service_id}/power", power, "services.power"),
    post("/services/{service_id}/actions/{action}", act, "services.power"),
    post("/services/{service_id}/secret", secret, "services.manage"),
)
