"""A customer's conversations with support."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, Form, FormErrors, form_errors
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.upstream import UpstreamAway
from gateway.web.visit import Visit

_EXPECTED = frozenset({400, 409, 422, 429})
_FIELDS = frozenset({"subject", "body", "priority", "service_id"})


async def tickets(visit: Visit) -> Response:
    return visit.render("tickets/list.html", listing=await read_listing(visit, "support", "/api/v1/tickets"))


async def new_ticket(visit: Visit) -> Response:
    values = {"service_id": visit.query.get("service", ""), "subject": visit.query.get("subject", "")[:200]}
    return await _new_page(visit, values, NO_ERRORS)


async def create_ticket(visit: Visit) -> Response:
    body = {name: visit.form.get(name, "").strip() for name in _FIELDS}
    answer = await visit.call(
        "support", "POST", "/api/v1/tickets", json={name: value for name, value in body.items() if value}
    )
    if answer.status in _EXPECTED:
        return await _new_page(visit, visit.form, form_errors(answer, _FIELDS), answer.status)
    ticket = visit.require("support", answer).data
    return visit.redirect(f"/tickets/{ticket['id']}", "ticket-opened")


async def _new_page(visit: Visit, values: Form, errors: FormErrors, status: int = 200) -> Response:
    services = await _choices(visit)
    return visit.render("tickets/new.html", status, values=values, errors=errors, services=services)


async def _choices(visit: Visit) -> list[Mapping[str, Any]]:
    """Services the ticket may be about. Asking for help must work while provisioning is away."""
    try:
        answer = await visit.call("provisioning", "GET", "/api/v1/services", params={"limit": "100"})
    except UpstreamAway:
        return []
    return list(answer.data["data"]) if answer.ok else []


async def ticket(visit: Visit) -> Response:
    return await _ticket_page(visit, NO_ERRORS)


async def reply(visit: Visit) -> Response:
    ticket_id = visit.path("ticket_id")
    answer = await visit.call(
        "support",
        "POST",
        f"/api/v1/tickets/{ticket_id}/messages",
        json={"body": visit.form.get("body", "").strip()},
    )
    if answer.status in _EXPECTED:
        return await _ticket_page(visit, form_errors(answer, frozenset({"body"})), answer.status)
    visit.require("support", answer)
    return visit.redirect(f"/tickets/{ticket_id}", "reply-sent")


async def _ticket_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    found = await visit.read("support", f"/api/v1/tickets/{visit.path('ticket_id')}")
    return visit.render("tickets/detail.html", status, ticket=found, values=visit.form, errors=errors)


async def close(visit: Visit) -> Response:
    ticket_id = visit.path("ticket_id")
    visit.require("support", await visit.call("support", "POST", f"/api/v1/tickets/{ticket_id}/close"))
    return visit.redirect(f"/tickets/{ticket_id}", "ticket-closed")


ROUTES = (
    get("/tickets", tickets),
    get("/tickets/new", new_ticket),
    post("/tickets/new", create_ticket),
    get("/tickets/{ticket_id}", ticket),
    post("/tickets/{ticket_id}/reply", reply),
    post("/tickets/{ticket_id}/close", close),
)
