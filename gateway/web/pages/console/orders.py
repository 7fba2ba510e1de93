"""Every order, whose it is, and the decision on a payment that does not fit."""

import asyncio
from collections.abc import Sequence

from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, FormErrors, form_errors
from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.timeline import Tally, in_order
from gateway.web.visit import Visit
from shared.contracts.reads.catalog import OrderView, StaffOrderDetail, StaffOrderView
from shared.contracts.reads.common import Page
from shared.contracts.reads.provisioning import StaffServiceView

_READ = "staff.orders.read"


async def orders(visit: Visit) -> Response:
    listing = await read_listing(visit, "catalog", "/api/v1/staff/orders", StaffOrderView, ("status", "q"))
    return visit.render("console/orders.html", listing=listing)


async def order(visit: Visit) -> Response:
    return await _order_page(visit, NO_ERRORS)


async def accept_payment(visit: Visit) -> Response:
    """Decides that the money under review pays the order."""
    order_id = visit.path("order_id")
    answer = await visit.call(
        "catalog",
        "POST",
        f"/api/v1/staff/orders/{order_id}/accept-payment",
        json={"reason": visit.form.line("reason")},
    )
    if answer.status in {400, 409, 422}:
        return await _order_page(visit, form_errors(answer, frozenset({"reason"})), answer.status)
    visit.require("catalog", answer)
    return visit.redirect(f"/console/orders/{order_id}", "payment-accepted")


async def _order_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    order_id = visit.path("order_id")
    found, services = await asyncio.gather(
        visit.read("catalog", f"/api/v1/staff/orders/{order_id}", StaffOrderDetail), _services(visit, order_id)
    )
    return visit.render(
        "console/order.html",
        status,
        errors=errors,
        values=visit.form,
        order=found,
        services={one.entitlement_id: one for one in services or ()},
        services_known=services is not None,
        steps=in_order(found.timeline),
        tally=_tally(found, services),
    )


async def _services(visit: Visit, order_id: str) -> list[StaffServiceView] | None:
    """Every service of the order; None when not all of them could be read."""
    page = await visit.read_or_none(
        "provisioning", "/api/v1/staff/services", Page[StaffServiceView], {"q": order_id, "limit": "100"}
    )
    return None if page is None or page.next_cursor else page.data


def _tally(found: OrderView, services: Sequence[StaffServiceView] | None) -> Tally:
    return Tally(
        sum(item.quantity for item in found.items),
        len(found.entitlements),
        None if services is None else sum(1 for one in services if one.activated_at is not None),
    )


ROUTES = (
    get("/console/orders", orders, _READ),
    get("/console/orders/{order_id}", order, _READ),
    post("/console/orders/{order_id}/accept", accept_payment, "staff.payments.accept"),
)
