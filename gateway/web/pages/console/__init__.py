"""The staff console: find anything, see why it is stuck, set it going again."""

from gateway.web.pages.console import (
    letters,
    mails,
    money,
    orders,
    overview,
    plans,
    providers,
    provisioning,
    services,
    tickets,
)
from gateway.web.pages.route import PageRoute

ROUTES: tuple[PageRoute, ...] = (
    *overview.ROUTES,
    *orders.ROUTES,
    *plans.ROUTES,
    *provisioning.ROUTES,
    *services.ROUTES,
    *providers.ROUTES,
    *money.ROUTES,
    *letters.ROUTES,
    *mails.ROUTES,
    *tickets.ROUTES,
)
