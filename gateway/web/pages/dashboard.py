"""The first page after signing in: what needs attention, what runs, what it costs, what was bought."""

import asyncio

from starlette.responses import Response

from gateway.web.pages.route import SIGNED_IN, get
from gateway.web.prices import MONTHS
from gateway.web.visit import Visit
from shared.contracts.reads.base import MoneyView, Page
from shared.contracts.reads.billing import InvoiceView, SubscriptionView
from shared.contracts.reads.catalog import OrderView
from shared.contracts.reads.provisioning import ServiceView
from shared.contracts.reads.support import TicketView

_ROWS = {"limit": "5"}
_MANY = {"limit": "100"}
_SHOWN_SERVICES = {"limit": "10"}


async def dashboard(visit: Visit) -> Response:
    """Three reads; tickets and invoices come when they are asked for, and are pages of their own without scripts."""
    if visit.member.account_id is None and visit.member.is_staff:
        return visit.redirect("/console")
    services, orders, subscriptions = await asyncio.gather(
        visit.read_or_none("provisioning", "/api/v1/services", Page[ServiceView], _SHOWN_SERVICES),
        visit.read_or_none("catalog", "/api/v1/orders", Page[OrderView], _ROWS),
        visit.read_or_none("billing", "/api/v1/subscriptions", Page[SubscriptionView], _MANY),
    )
    return visit.render(
        "dashboard.html",
        services=services,
        orders=orders,
        charges=upcoming(subscriptions.data) if subscriptions else None,
        monthly=monthly_spend(subscriptions.data) if subscriptions else [],
    )


def monthly_spend(subscriptions: list[SubscriptionView]) -> list[MoneyView]:
    """What everything that renews comes to by the month, per currency; longer intervals are spread and rounded up."""
    sums: dict[str, int] = {}
    for one in upcoming(subscriptions):
        share = -(-one.total.amount_minor // MONTHS.get(one.interval, 1))
        sums[one.total.currency] = sums.get(one.total.currency, 0) + share
    return [MoneyView(amount_minor=amount, currency=currency) for currency, amount in sums.items()]


def upcoming(subscriptions: list[SubscriptionView]) -> list[SubscriptionView]:
    """What will be charged, the next first."""
    renewing = [(one.next_charge_at, one) for one in subscriptions if one.next_charge_at and one.ends_at is None]
    return [one for _, one in sorted(renewing, key=lambda pair: pair[0])]


async def tickets(visit: Visit) -> Response:
    found = await visit.read("support", "/api/v1/tickets", Page[TicketView], _ROWS)
    return visit.panel("dashboard/_tickets.html", "Support", tickets=found.data)


async def invoices(visit: Visit) -> Response:
    found = await visit.read("billing", "/api/v1/invoices", Page[InvoiceView], _ROWS)
    return visit.panel("dashboard/_invoices.html", "Invoices", invoices=found.data)


ROUTES = (
    get("/dashboard", dashboard, SIGNED_IN),
    get("/dashboard/tickets", tickets, "tickets.read"),
    get("/dashboard/invoices", invoices, "billing.read"),
)
