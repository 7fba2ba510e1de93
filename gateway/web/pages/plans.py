"""Plans as the public pages show them: in one currency, grouped by what they are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.web.upstream import UpstreamAway
from gateway.web.visit import Visit

INTERVALS = ("month", "year")
PRODUCT_TYPES = ("vps", "hosting", "domain", "certificate")
DEFAULT_CURRENCY = "EUR"

Plan = Mapping[str, Any]


async def all_plans(visit: Visit) -> list[Plan]:
    body = await visit.read("catalog", "/api/v1/plans")
    return list(body["data"])


async def plans_or_none(visit: Visit) -> list[Plan] | None:
    """For pages that make sense without prices: None when the catalogue does not answer."""
    try:
        answer = await visit.call("catalog", "GET", "/api/v1/plans")
    except UpstreamAway:
        return None
    return list(answer.data["data"]) if answer.ok else None


def currencies(plans: Iterable[Plan]) -> list[str]:
    """Every currency something is sold in, the usual one first."""
    found = sorted({price["currency"] for plan in plans for price in plan["prices"]})
    return sorted(found, key=lambda code: code != DEFAULT_CURRENCY)


def chosen_currency(visit: Visit, offered: Sequence[str]) -> str:
    asked = visit.query.get("currency", "").upper()
    if asked in offered:
        return asked
    return offered[0] if offered else DEFAULT_CURRENCY


def chosen_interval(asked: str | None) -> str:
    return asked if asked in INTERVALS else "month"


def announced(plans: Iterable[Plan], currency: str) -> list[Plan]:
    """What is shown with its price and cannot be ordered yet."""
    return [plan for _, members in grouped(plans, currency, "announced") for plan in members]


def grouped(plans: Iterable[Plan], currency: str, availability: str = "open") -> list[tuple[str, list[Plan]]]:
    """Plans of one availability with a price in `currency`, by product type, cheapest first."""
    sold = [
        plan
        for plan in plans
        if plan["availability"] == availability and any(price["currency"] == currency for price in plan["prices"])
    ]
    by_type = [
        (kind, sorted((p for p in sold if p["product_type"] == kind), key=lambda p: _cheapest(p, currency)))
        for kind in PRODUCT_TYPES
    ]
    return [(kind, members) for kind, members in by_type if members]


def _cheapest(plan: Plan, currency: str) -> int:
    return min(int(price["amount_minor"]) for price in plan["prices"] if price["currency"] == currency)
