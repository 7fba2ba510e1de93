"""What a wish comes to: every check and every price, the same for a quote and for an order.

`priced` is pure: the plans and types are handed in, and nothing is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from services.catalog.domain import Described, OrderItem, Plan, Price
from services.catalog.product_types import ProductTypes
from services.catalog.product_types.base import BadConfiguration, ProductType
from shared.contracts.intervals import INTERVALS, in_words
from shared.kernel import CURRENCIES, Conflict, FieldError, Invalid, charge_problem

# Units of one order: each is a row, a fact and a service of its own.
MOST_UNITS = 100


@dataclass(frozen=True, slots=True)
class WantedItem:
    """One line as the customer asks for it. There is no price in it: prices are ours to say.

    `at_top` are the keys of the configuration that were given beside it, as older clients do; errors point there.
    """

    plan: str
    interval: str
    quantity: int = 1
    configuration: Mapping[str, Any] = field(default_factory=dict)
    at_top: frozenset[str] = frozenset()

    def pointer(self, index: int, key: str) -> str:
        """Where in the request this key of the configuration stands."""
        return f"/items/{index}/{key}" if key in self.at_top else f"/items/{index}/configuration/{key}"


@dataclass(frozen=True, slots=True)
class PricedItem:
    """A line with its price. `named` is False when its name was made up; `advice` hinders nothing."""

    item: OrderItem
    named: bool
    advice: tuple[FieldError, ...]


Offers = Mapping[str, Plan]


async def offers_for(session: AsyncSession, wanted: Sequence[WantedItem]) -> Offers:
    """The plans on sale among those that are wanted, by code."""
    statement = (
        select(Plan)
        .where(Plan.code.in_({item.plan for item in wanted}), Plan.is_published())
        .options(selectinload(Plan.prices))
    )
    return {plan.code: plan for plan in (await session.execute(statement)).scalars()}


def priced(offers: Offers, types: ProductTypes, currency: str, wanted: Sequence[WantedItem]) -> list[PricedItem]:
    """Every line at the catalogue's present prices.

    Raises Invalid for what cannot be bought like this, with every wrong field at once, and Conflict (`plan-not-open`,
    `plan-not-ready`) for what cannot be bought yet.
    """
    errors: list[FieldError] = []
    lines = [_line(offers, types, currency, item, index, errors) for index, item in enumerate(wanted)]
    if errors:
        raise Invalid("Correct the fields listed in errors and try again.", errors=tuple(errors))
    found = [line for line in lines if line is not None]
    if sum(line.item.quantity for line in found) > MOST_UNITS:
        raise Invalid(f"One order is for at most {MOST_UNITS} units. Split it.", slug="order-too-large")
    _must_be_chargeable(sum(line.item.total.amount_minor for line in found), currency)
    return found


def _must_be_chargeable(total: int, currency: str) -> None:
    known = CURRENCIES.get(currency)
    if known is not None and total > known.largest:
        raise Invalid("This is more than one order can be paid for at once. Split it.", slug="order-too-large")
    problem = charge_problem(total, currency)
    if problem is not None:
        raise Invalid(problem, slug="total-not-chargeable")


def _line(
    offers: Offers, types: ProductTypes, currency: str, wanted: WantedItem, index: int, errors: list[FieldError]
) -> PricedItem | None:
    plan = offers.get(wanted.plan)
    product_type = types.get(plan.product_type) if plan is not None else None
    if plan is None or product_type is None:
        errors.append(FieldError(f"/items/{index}/plan", "There is no such plan."))
        return None
    price = _price(plan, currency, wanted, index, errors)
    if words := product_type.quantity_error(wanted.quantity):
        errors.append(FieldError(f"/items/{index}/quantity", words))
    try:
        described, named = _described(product_type, plan, wanted)
    except BadConfiguration as bad:
        errors += [FieldError(wanted.pointer(index, key), words) for key, words in bad.errors.items()]
        return None
    if price is None or words:
        return None
    item = OrderItem.of(plan, price, quantity=wanted.quantity, described=described)
    advice = tuple(
        FieldError(wanted.pointer(index, hint.pointer), hint.detail)
        for hint in product_type.advice(described.configuration)
    )
    return PricedItem(item, named, advice)


def _price(plan: Plan, currency: str, wanted: WantedItem, index: int, errors: list[FieldError]) -> Price | None:
    if plan.availability != "open":
        raise Conflict(
            f"{plan.name} is announced and cannot be ordered yet. Choose a plan that is open.", slug="plan-not-open"
        )
    price = plan.price_for(currency, wanted.interval) if wanted.interval in INTERVALS else None
    if price is None:
        offered = [one.interval for one in plan.current_prices if one.currency == currency]
        words = f"{plan.name} has no price in {currency} per {in_words(wanted.interval)}."
        if offered:
            words += f" Offered: {', '.join(offered)}."
        errors.append(FieldError(f"/items/{index}/interval", words))
    elif not price.is_synced:
        raise Conflict(
            f"{plan.name} is being set up for payment in {currency} per {in_words(wanted.interval)}. "
            "Try again in a minute.",
            slug="plan-not-ready",
        )
    return price


def _described(product_type: ProductType, plan: Plan, wanted: WantedItem) -> tuple[Described, bool]:
    configured = product_type.configured(wanted.configuration, plan.options, quantity=wanted.quantity, spec=plan.spec)
    units = product_type.told_apart(configured, wanted.quantity)
    described = Described(
        name=configured.name,
        invoice_name=product_type.invoice_name(plan.name, configured.name),
        configuration=configured.configuration,
        words=[line.model_dump() for line in product_type.in_words(configured.configuration, plan.options)],
        units=[(unit.name, unit.configuration) for unit in units],
    )
    return described, configured.named
