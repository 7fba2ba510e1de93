"""Every plan in every state, its prices, and putting it on sale or taking it off."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, FormErrors, form_errors
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.visit import Visit
from shared.contracts.reads.base import Page
from shared.contracts.reads.catalog import StaffPlanView

_PLANS = "/api/v1/staff/plans"
_PRICE = ("currency", "interval", "amount_minor", "setup_fee_minor")
_WRITE = "staff.plans.write"
# A shelf has tens of plans; a longer one is walked from the list.
_ALL = {"limit": "100"}
_LONGEST_NUMBER = 12


async def plans(visit: Visit) -> Response:
    return visit.render("console/plans.html", listing=await read_listing(visit, "catalog", _PLANS, StaffPlanView))


async def plan(visit: Visit) -> Response:
    return await _plan_page(visit, NO_ERRORS)


async def reprice(visit: Visit) -> Response:
    plan_id = visit.path("plan_id")
    body = {name: _number(visit.form.line(name)) if "minor" in name else visit.form.line(name) for name in _PRICE}
    answer = await visit.call("catalog", "POST", f"{_PLANS}/{plan_id}/prices", json=body)
    if answer.status in {400, 409, 422}:
        return await _plan_page(visit, form_errors(answer, frozenset(_PRICE)), answer.status)
    visit.require("catalog", answer)
    return visit.redirect(f"/console/plans/{plan_id}", "plan-repriced")


async def _plan_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    shelf = await visit.read("catalog", _PLANS, Page[StaffPlanView], _ALL)
    found = next((one for one in shelf.data if one.id == visit.path("plan_id")), None)
    if found is None:
        raise HTTPException(404)
    return visit.render("console/plan.html", status, plan=found, values=visit.form, errors=errors)


def _number(text: str) -> int | str:
    """Minor units; anything else goes as it is, and the catalogue says what is wrong with it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else text


async def publish(visit: Visit) -> Response:
    return await _do(visit, "publish", "plan-published")


async def retire(visit: Visit) -> Response:
    return await _do(visit, "retire", "plan-retired")


async def _do(visit: Visit, verb: str, notice: str) -> Response:
    plan_id = visit.path("plan_id")
    visit.require("catalog", await visit.call("catalog", "POST", f"{_PLANS}/{plan_id}/{verb}"))
    return visit.redirect(f"/console/plans/{plan_id}", notice)


ROUTES = (
    get("/console/plans", plans, "staff.plans.read"),
    get("/console/plans/{plan_id}", plan, "staff.plans.read"),
    post("/console/plans/{plan_id}/prices", reprice, _WRITE),
    post("/console/plans/{plan_id}/publish", publish, _WRITE),
    post("/console/plans/{plan_id}/retire", retire, _WRITE),
)
