"""What anyone may read: the home page and the prices."""

from starlette.responses import Response

from gateway.web.pages.plans import (
    all_plans,
    announced,
    chosen_currency,
    chosen_interval,
    currencies,
    grouped,
    plans_or_none,
)
from gateway.web.pages.route import get
from gateway.web.visit import Visit

_TEASERS = 3


async def home(visit: Visit) -> Response:
    plans = await plans_or_none(visit) or []
    currency = chosen_currency(visit, currencies(plans))
    teasers = [plan for _, members in grouped(plans, currency) for plan in members]
    return visit.render("marketing/home.html", teasers=teasers[:_TEASERS], currency=currency)


async def pricing(visit: Visit) -> Response:
    plans = await all_plans(visit)
    offered = currencies(plans)
    currency = chosen_currency(visit, offered)
    return visit.render(
        "marketing/pricing.html",
        groups=grouped(plans, currency),
        soon=announced(plans, currency),
        currencies=offered,
        currency=currency,
        interval=chosen_interval(visit.query.get("interval")),
    )


ROUTES = (get("/", home, "public"), get("/pricing", pricing, "public"))
