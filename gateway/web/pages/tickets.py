"""A customer's conversations with support."""

from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, Form, FormErrors, form_errors
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.visit import Visit
from shared.contracts.reads.common import Page
from shared.contracts.reads.provisioning import ServiceView
from shared.contracts.reads.support import TicketDetail, TicketView

_EXPECTED = frozenset({400, 409, 422, 429})
_FIELDS = frozenset({"subject", "body", "priority", "service_id"})


async def tickets(visit: Visit) -> Response:
    listing = await read_listing(visit, "support", "/api/v1/tickets", TicketView)
    return visit.render("tickets/list.html", listing=listing)


async def new_ticket(visit: Visit) -> Response:
    values = [("service_id", visit.query.line("service")), ("subject", visit.query.line("subject")[:200])]
    return await _new_page(visit, Form(values), NO_ERRORS)


async def create_ticket(visit: Visit) -> Response:
    body = {name: visit.form.line(name) for name in _FIELDS}
    answer = await visit.call(
        "support", "POST", "/api/v1/tickets", json={name: value for name, value in body.items() if value}
    )
    if answer.status in _EXPECTED:
        return await _new_page(visit, visit.form, form_errors(answer, _FIELDS), answer.status)
    opened = visit.require("support", answer).parse(TicketView)
    return visit.redirect(f"/tickets/{opened.id}", "ticket-opened")


async def _new_page(visit: Visit, values: Form, errors: FormErrors, status: int = 200) -> Response:
    services = await _choices(visit)
    return visit.render("tickets/new.html", status, values=values, errors=errors, services=services)


async def _choices(visit: Visit) -> list[ServiceView]:
    """Services the ticket may be about. Asking for help must work while provisioning is away."""
    if not visit.may("services.read"):
        return []
    found = await visit.read_or_none("provisioning", "/api/v1/services", Page[ServiceView], {"limit": "100"})
    return found.data if found else []


async def ticket(visit: Visit) -> Response:
    return await _ticket_page(visit, NO_ERRORS)


async def reply(visit: Visit) -> Response:
    ticket_id = visit.path("ticket_id")
    answer = await visit.call(
        "support",
        "POST",
        f"/api/v1/tickets/{ticket_id}/messages",
        json={"body": visit.form.line("body")},
    )
    if answer.status in _EXPECTED:
        return await _ticket_page(visit, form_errors(answer, frozenset({"body"})), answer.status)
    visit.require("support", answer)
    return visit.redirect(f"/tickets/{ticket_id}", "reply-sent")


async def _ticket_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    found = await visit.read("support", f"/api/v1/tickets/{visit.path('ticket_id')}", TicketDetail)
    return visit.render("tickets/detail.html", status, ticket=found, values=visit.form, errors=errors)


async def close(visit: Visit) -> Response:
    ticket_id = visit.path("ticket_id")
    visit.require("support", await visit.call("support", "POST", f"/api/v1/tickets/{ticket_id}/close"))
    return visit.redirect(f"/tickets/{ticket_id}", "ticket-closed")


ROUTES = (
    get("/tickets", tickets, "tickets.read"),
    get("/tickets/new", new_ticket, "tickets.write"),
    post("/tickets/new", create_ticket, "tickets.write"),
    get("/tickets/{ticket_id}", ticket, "tickets.read"),
    post("/tickets/{ticket_id}/reply", reply, "tickets.write"),
    post("/tickets/{ticket_id}/close", close, "tickets.write"),
)
