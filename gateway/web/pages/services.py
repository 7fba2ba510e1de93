"""A customer's services: what runs, what happened to it, and its power button."""

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.web.forms import problem_slug
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.timeline import merge
from gateway.web.visit import Visit

POWER_ACTIONS = frozenset({"start", "stop", "reboot"})
_MOVING = frozenset({"pending", "provisioning"})


async def services(visit: Visit) -> Response:
    listing = await read_listing(visit, "provisioning", "/api/v1/services")
    return visit.render("services/list.html", listing=listing)


async def service(visit: Visit) -> Response:
    return visit.render("services/detail.html", **await _story(visit))


async def live(visit: Visit) -> Response:
    return visit.render("services/_live.html", **await _story(visit))


async def _story(visit: Visit) -> dict[str, Any]:
    service_id = visit.path("service_id")
    path = f"/api/v1/services/{service_id}"
    found, entries = await asyncio.gather(
        visit.read("provisioning", path), visit.read("provisioning", f"{path}/timeline")
    )
    return {
        "service": found,
        "steps": merge([], [(str(found["name"]), entries["data"])]),
        "in_progress": found["status"] in _MOVING or found["pending_action"] is not None,
        "streams": [f"/live/services/{service_id}"],
    }


async def power(visit: Visit) -> Response:
    service_id = visit.path("service_id")
    action = visit.form.get("action", "")
    if action not in POWER_ACTIONS:
        raise HTTPException(400)
    answer = await visit.call("provisioning", "POST", f"/api/v1/services/{service_id}/power", json={"action": action})
    if answer.status == 409:
        busy = problem_slug(answer) == "action-in-progress"
        return visit.redirect(f"/services/{service_id}", "action-in-progress" if busy else "service-not-active")
    visit.require("provisioning", answer)
    return visit.redirect(f"/services/{service_id}", f"power-{action}")


ROUTES = (
    get("/services", services),
    get("/services/{service_id}", service),
    get("/services/{service_id}/live", live),
    post("/services/{service_id}/power", power),
)
