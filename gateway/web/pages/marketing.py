"""What anyone may read: the home page and the prices."""

from starlette.responses import Response

from gateway.web.pages.plans import (
    DEFAULT_CURRENCY,
    DEFAULT_INTERVAL,
    all_plans,
    announced,
    chosen,
    currencies,
    grouped,
    intervals,
    plans_or_none,
)
from gateway.web.pages.route import PUBLIC, get
from gateway.web.visit import Visit
from shared.contracts.reads.catalog import PlanView

_TEASERS = 3


async def home(visit: Visit) -> Response:
    plans = await plans_or_none(visit) or []
    currency = chosen(visit.query.line("currency").upper(), currencies(plans), DEFAULT_CURRENCY)
    on_sale = [plan for _, members in grouped(plans, currency) for plan in members]
    return visit.render("marketing/home.html", teasers=_teasers(on_sale), currency=currency)


def _teasers(plans: list[PlanView]) -> list[PlanView]:
    """The recommended plan among its neighbours, or the first ones."""
    at = next((index for index, plan in enumerate(plans) if plan.recommended), 0)
    first = max(0, min(at - _TEASERS // 2, len(plans) - _TEASERS))
    return plans[first : first + _TEASERS]


async def pricing(visit: Visit) -> Response:
    plans = await all_plans(visit)
    offered = [plan for plan in plans if plan.availability == "open"]
    sold_in, sold_at = currencies(plans), intervals(offered)
    currency = chosen(visit.query.line("currency").upper(), sold_in, DEFAULT_CURRENCY)
    return visit.render(
        "marketing/pricing.html",
        groups=grouped(plans, currency),
        soon=announced(plans, currency),
        currencies=sold_in,
        currency=currency,
        intervals=sold_at,
        interval=chosen(visit.query.line("interval"), sold_at, DEFAULT_INTERVAL),
    )


ROUTES = (get("/", home, PUBLIC), get("/pricing", pricing, PUBLIC))
