"""The staff console: find anything, see why it is stuck, set it going again."""

from gateway.web.pages.console import deliveries, orders, overview, provisioning, stripe_events, tickets
from gateway.web.pages.route import PageRoute

ROUTES: tuple[PageRoute, ...] = (
    *overview.ROUTES,
    *orders.ROUTES,
    *provisioning.ROUTES,
    *stripe_events.ROUTES,
    *deliveries.ROUTES,
    *tickets.ROUTES,
)
