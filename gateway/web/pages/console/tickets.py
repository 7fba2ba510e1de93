"""Support's side of the conversations."""

from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, FormErrors, form_errors
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.visit import Visit
from shared.contracts.reads.support import StaffTicketDetail, StaffTicketView

_READ, _WRITE = "staff.tickets.read", "staff.tickets.write"
_EXPECTED = frozenset({400, 409, 422, 429})


async def tickets(visit: Visit) -> Response:
    listing = await read_listing(visit, "support", "/api/v1/staff/tickets", StaffTicketView, ("status",))
    return visit.render("console/tickets.html", listing=listing)


async def ticket(visit: Visit) -> Response:
    return await _ticket_page(visit, NO_ERRORS)


async def answer_ticket(visit: Visit) -> Response:
    ticket_id = visit.path("ticket_id")
    answer = await visit.call(
        "support",
        "POST",
        f"/api/v1/staff/tickets/{ticket_id}/messages",
        json={"body": visit.form.line("body"), "internal": visit.form.get("internal") == "yes"},
    )
    if answer.status in _EXPECTED:
        return await _ticket_page(visit, form_errors(answer, frozenset({"body"})), answer.status)
    visit.require("support", answer)
    return visit.redirect(f"/console/tickets/{ticket_id}", "reply-sent")


async def _ticket_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    found = await visit.read("support", f"/api/v1/staff/tickets/{visit.path('ticket_id')}", StaffTicketDetail)
    return visit.render("console/ticket.html", status, ticket=found, values=visit.form, errors=errors)


async def close(visit: Visit) -> Response:
    ticket_id = visit.path("ticket_id")
    visit.require("support", await visit.call("support", "POST", f"/api/v1/staff/tickets/{ticket_id}/close"))
    return visit.redirect(f"/console/tickets/{ticket_id}", "ticket-closed")


ROUTES = (
    get("/console/tickets", tickets, _READ),
    get("/console/tickets/{ticket_id}", ticket, _READ),
    post("/console/tickets/{ticket_id}/reply", answer_ticket, _READ),
    post("/console/tickets/{ticket_id}/close", close, _WRITE),
)
