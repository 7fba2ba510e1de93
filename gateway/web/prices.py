"""Reckoning with a plan's prices: what they come to by the month, and what a longer interval saves."""

from dataclasses import dataclass

from shared.contracts.reads.catalog import PlanView, PriceView
from shared.contracts.reads.common import MoneyView

# How many months an interval has. One that is not here is shown without comparison.
MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12, "two_years": 24, "three_years": 36}


@dataclass(frozen=True, slots=True)
class Saving:
    """What a longer interval saves against paying monthly: whole months free, or else per cent, rounded down."""

    months: int = 0
    percent: int = 0


def price_of(plan: PlanView, currency: str, interval: str) -> PriceView | None:
    """The plan's price, or None when it is not sold that way."""
    return next((one for one in plan.prices if (one.currency, one.interval) == (currency, interval)), None)


def shown_price(plan: PlanView, currency: str, interval: str) -> PriceView | None:
    """The price for the wanted interval, or the plan's first one in that currency."""
    first = next((one for one in plan.prices if one.currency == currency), None)
    return price_of(plan, currency, interval) or first


def by_month(price: PriceView) -> MoneyView | None:
    """A price of a longer interval as its monthly equivalent, rounded up; None where that says nothing new."""
    months = MONTHS.get(price.interval, 1)
    if months == 1:
        return None
    return MoneyView(amount_minor=-(-price.amount_minor // months), currency=price.currency)


def saving(plan: PlanView, price: PriceView) -> Saving | None:
    """What this price saves against the monthly one; None when there is nothing to compare, or nothing saved."""
    monthly, months = price_of(plan, price.currency, "month"), MONTHS.get(price.interval, 1)
    if monthly is None or monthly.amount_minor <= 0 or months == 1:
        return None
    saved = months * monthly.amount_minor - price.amount_minor
    if saved <= 0:
        return None
    if saved % monthly.amount_minor == 0:
        return Saving(months=saved // monthly.amount_minor)
    percent = saved * 100 // (months * monthly.amount_minor)
    return Saving(percent=percent) if percent else None
