"""Plans as the public pages show them: in one currency, grouped as the catalogue groups them."""

from collections.abc import Iterable, Sequence

from gateway.web.prices import shown_price
from gateway.web.visit import Visit
from shared.contracts.reads.catalog import GroupView, PlanList, PlanView

DEFAULT_CURRENCY = "EUR"
DEFAULT_INTERVAL = "month"
_PLANS = "/api/v1/plans"


async def all_plans(visit: Visit) -> list[PlanView]:
    """Every plan on sale, in the order it is presented."""
    return (await visit.read("catalog", _PLANS, PlanList)).data


async def plans_or_none(visit: Visit) -> list[PlanView] | None:
    """For pages that make sense without prices: None when the catalogue does not answer."""
    found = await visit.read_or_none("catalog", _PLANS, PlanList)
    return found.data if found else None


def currencies(plans: Iterable[PlanView]) -> list[str]:
    """Every currency something is sold in, the usual one first."""
    found = sorted({price.currency for plan in plans for price in plan.prices})
    return sorted(found, key=lambda code: code != DEFAULT_CURRENCY)


def intervals(plans: Iterable[PlanView]) -> list[str]:
    """Every interval something is sold at, in the order in which the plans name them."""
    return list(dict.fromkeys(name for plan in plans for name in plan.intervals))


def chosen(asked: str, offered: Sequence[str], default: str) -> str:
    """What was asked for when it is offered, else the usual one, else the first."""
    if asked in offered:
        return asked
    return offered[0] if offered and default not in offered else default


def announced(plans: Iterable[PlanView], currency: str) -> list[PlanView]:
    """What is shown with its price and cannot be ordered yet."""
    return [plan for plan in plans if plan.availability == "announced" and shown_price(plan, currency, "")]


def grouped(plans: Iterable[PlanView], currency: str) -> list[tuple[GroupView, list[PlanView]]]:
    """What can be ordered in `currency`, by group, both in the order in which the catalogue presents them."""
    groups: dict[str, tuple[GroupView, list[PlanView]]] = {}
    for plan in plans:
        if plan.availability == "open" and shown_price(plan, currency, ""):
            groups.setdefault(plan.group.code, (plan.group, []))[1].append(plan)
    return list(groups.values())
