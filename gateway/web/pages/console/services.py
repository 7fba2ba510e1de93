"""Every service with its whole story, and what staff may do about it, always with a reason."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, FormErrors, form_errors
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.pages.services import POWER
from gateway.web.timeline import in_order
from gateway.web.visit import Visit
from shared.contracts.reads.catalog import PlanList, PlanView
from shared.contracts.reads.provisioning import StaffServiceDetail, StaffServiceView

_SERVICES = "/api/v1/staff/services"
_READ, _POWER, _MANAGE = "staff.services.read", "staff.services.power", "staff.services.manage"
# What catalog decides about a right, by the name of the action that a service offers to staff.
RIGHTS = {"suspend": "suspend", "resume": "resume", "terminate": "end", "restore": "restore"}
_VERBS = frozenset({*RIGHTS.values(), "change"})
_CHANGEABLE = frozenset({"active", "suspended"})
_REFUSED = frozenset({400, 409, 422})


async def services(visit: Visit) -> Response:
    listing = await read_listing(visit, "provisioning", _SERVICES, StaffServiceView, ("q",))
    return visit.render("console/services.html", listing=listing)


async def service(visit: Visit) -> Response:
    return await _service_page(visit, NO_ERRORS)


async def power(visit: Visit) -> Response:
    service_id = visit.path("service_id")
    body = {"action": visit.form.line("action"), "reason": visit.form.line("reason")}
    answer = await visit.call("provisioning", "POST", f"{_SERVICES}/{service_id}/power", json=body)
    if answer.status in _REFUSED:
        return await _service_page(visit, form_errors(answer, frozenset({"reason"})), answer.status)
    visit.require("provisioning", answer)
    return visit.redirect(f"/console/services/{service_id}", "action-begun")


async def decide(visit: Visit) -> Response:
    """Suspends, resumes, changes, ends or restores the right to the service."""
    service_id, verb = visit.path("service_id"), visit.path("verb")
    if verb not in _VERBS:
        raise HTTPException(404)
    found = await visit.read("provisioning", f"{_SERVICES}/{service_id}", StaffServiceDetail)
    body = {"reason": visit.form.line("reason")}
    if verb == "change":
        body["plan"] = visit.form.line("plan")
    path = f"/api/v1/staff/entitlements/{found.entitlement_id}/{verb}"
    answer = await visit.call("catalog", "POST", path, json=body)
    if answer.status in _REFUSED:
        return await _service_page(visit, form_errors(answer, frozenset({"reason", "plan"})), answer.status)
    visit.require("catalog", answer)
    return visit.redirect(f"/console/services/{service_id}", "right-decided")


async def _service_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    found, plans = await asyncio.gather(
        visit.read("provisioning", f"{_SERVICES}/{visit.path('service_id')}", StaffServiceDetail), _plans(visit)
    )
    return visit.render(
        "console/service.html",
        status,
        service=found,
        actions=[one for one in found.staff_actions if _may(visit, one.name)],
        rights=RIGHTS,
        plans=[plan for plan in plans if _fits(plan, found)],
        steps=in_order(found.timeline),
        values=visit.form,
        errors=errors,
    )


def _may(visit: Visit, action: str) -> bool:
    return visit.may(_MANAGE) if action in RIGHTS else action in POWER and visit.may(_POWER)


def _fits(plan: PlanView, found: StaffServiceDetail) -> bool:
    """Whether the service could be changed to this plan."""
    same_type = plan.product_type == found.product_type and plan.availability == "open"
    return same_type and plan.code != found.plan.code and found.status in _CHANGEABLE


async def _plans(visit: Visit) -> list[PlanView]:
    """What a service could be changed to."""
    found = await visit.read_or_none("catalog", "/api/v1/plans", PlanList) if visit.may(_MANAGE) else None
    return found.data if found else []


ROUTES = (
    get("/console/services", services, _READ),
    get("/console/services/{service_id}", service, _READ),
    post("/console/services/{service_id}/power", power, _POWER),
    post("/console/services/{service_id}/right/{verb}", decide, _MANAGE),
)
