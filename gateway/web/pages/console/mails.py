"""Every mail that went out or did not, and the switch that stops all of them."""

import asyncio

from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, FormErrors, form_errors
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.visit import Visit
from shared.contracts.reads.support import NotificationView, SupportOverview


async def mails(visit: Visit) -> Response:
    return await _page(visit, NO_ERRORS)


async def _page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    listing, overview = await asyncio.gather(
        read_listing(visit, "support", "/api/v1/staff/notifications", NotificationView),
        visit.read_or_none("support", "/api/v1/staff/overview/support", SupportOverview),
    )
    switch = overview.mail if overview else None
    return visit.render(
        "console/notifications.html", status, listing=listing, switch=switch, errors=errors, values=visit.form
    )


async def switch_mail(visit: Visit) -> Response:
    """Stops or allows all mail."""
    body = {"engaged": visit.form.get("engaged") == "yes", "reason": visit.form.line("reason")}
    answer = await visit.call("support", "PUT", "/api/v1/staff/switches/mail", json=body)
    if answer.status in {400, 409, 422}:
        return await _page(visit, form_errors(answer, frozenset({"reason"})), answer.status)
    visit.require("support", answer)
    return visit.redirect("/console/notifications", "switch-set")


ROUTES = (
    get("/console/notifications", mails, "staff.mail.read"),
    post("/console/notifications/switch", switch_mail, "staff.switches.write"),
)
