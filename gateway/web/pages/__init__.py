"""The pages, one module per area. `ROUTES` is everything a visitor can open."""

from gateway.web.pages import (
    account,
    buying,
    dashboard,
    identity,
    invoices,
    live,
    marketing,
    orders,
    services,
    tickets,
)
from gateway.web.pages.console import ROUTES as CONSOLE_ROUTES
from gateway.web.pages.route import PageRoute

ROUTES: tuple[PageRoute, ...] = (
    *marketing.ROUTES,
    *identity.ROUTES,
    *buying.ROUTES,
    *dashboard.ROUTES,
    *orders.ROUTES,
    *services.ROUTES,
    *live.ROUTES,
    *invoices.ROUTES,
    *tickets.ROUTES,
    *account.ROUTES,
    *CONSOLE_ROUTES,
)
