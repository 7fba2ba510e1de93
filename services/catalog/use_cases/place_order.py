"""Placing an order: what the customer may choose is checked, everything else comes from the catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from services.catalog.domain import Order, OrderItem, Plan, Price
from services.catalog.domain.hostnames import checked_hostname, numbered, suggested
from services.catalog.use_cases.loading import order_changed
from shared.database import UnitOfWork
from shared.kernel import CURRENCIES, Conflict, FieldError, Invalid, charge_problem


@dataclass(frozen=True, slots=True)
class WantedItem:
    """One line as the customer asks for it. There is no price in it: prices are ours to say."""

    plan: str
    interval: str
    quantity: int = 1
    hostname: str | None = None
    template: str | None = None


async def place_order(
    work: UnitOfWork, *, account_id: str, placed_by: str, currency: str, items: Sequence[WantedItem]
) -> Order:
    """A new order at the catalogue's present prices, frozen on it.

    Raises Invalid for what cannot be bought like this, and Conflict (`plan-not-open`, `plan-not-ready`) for what
    cannot be bought yet.
    """
    plans = await _published_plans(work, {item.plan for item in items})
    errors = _mixed_intervals(items)
    lines = [_line(plans, currency, item, f"/items/{index}", errors) for index, item in enumerate(items)]
    if errors:
        raise Invalid("Correct the fields listed in errors and try again.", errors=tuple(errors))
    _must_fit_one_payment([line for line in lines if line], currency)
    order = Order.place(account_id, placed_by, currency, [line for line in lines if line], at=work.clock.now())
    work.add(order)
    await work.session.flush()
    order_changed(work, order)
    return order


def _mixed_intervals(items: Sequence[WantedItem]) -> list[FieldError]:
    """One order is one subscription, and a subscription renews all of its items at one interval."""
    return [
        FieldError(f"/items/{index}/interval", "All items of one order are paid per the same interval.")
        for index, item in enumerate(items)
        if item.interval != items[0].interval
    ]


def _must_fit_one_payment(lines: Sequence[OrderItem], currency: str) -> None:
    total = sum(line.total.amount_minor for line in lines)
    known = CURRENCIES.get(currency)
    if known is not None and total > known.largest:
        raise Invalid("This is more than one order can be paid for at once. Split it.", slug="order-too-large")
    problem = charge_problem(total, currency)
    if problem is not None:
        raise Invalid(problem, slug="total-not-chargeable")


async def _published_plans(work: UnitOfWork, codes: set[str]) -> Mapping[str, Plan]:
    statement = (
        select(Plan)
        .where(Plan.code.in_(codes), Plan.is_published())
        .options(selectinload(Plan.product), selectinload(Plan.prices))
    )
    return {plan.code: plan for plan in (await work.session.execute(statement)).scalars()}


def _line(
    plans: Mapping[str, Plan], currency: str, wanted: WantedItem, pointer: str, errors: list[FieldError]
) -> OrderItem | None:
    plan = plans.get(wanted.plan)
    if plan is None:
        errors.append(FieldError(f"{pointer}/plan", "There is no such plan."))
        return None
    price = _price(plan, currency, wanted, pointer, errors)
    hostname = _hostname(plan, wanted, pointer, errors)
    template = _template(plan, wanted, pointer, errors)
    if price is None or hostname is None:
        return None
    return OrderItem.of(plan, price, quantity=wanted.quantity, hostname=hostname, template=template)


def _price(plan: Plan, currency: str, wanted: WantedItem, pointer: str, errors: list[FieldError]) -> Price | None:
    if plan.availability != "open":
        raise Conflict(
            f"{plan.name} is announced and cannot be ordered yet. Choose a plan that is open.", slug="plan-not-open"
        )
    price = plan.price_for(currency, wanted.interval)
    if price is None:
        errors.append(
            FieldError(f"{pointer}/interval", f"{plan.name} has no price in {currency} per {wanted.interval}.")
        )
    elif not price.is_synced:
        raise Conflict(
            f"{plan.name} is being set up for payment in {currency} per {wanted.interval}. Try again in a minute.",
            slug="plan-not-ready",
        )
    return price


def _hostname(plan: Plan, wanted: WantedItem, pointer: str, errors: list[FieldError]) -> str | None:
    if wanted.hostname is None:
        return suggested(plan.product.product_type)
    try:
        hostname = checked_hostname(wanted.hostname)
        checked_hostname(numbered(hostname, wanted.quantity, wanted.quantity))
    except ValueError as error:
        errors.append(FieldError(f"{pointer}/hostname", f"Not a host name: {error}."))
        return None
    return hostname


def _template(plan: Plan, wanted: WantedItem, pointer: str, errors: list[FieldError]) -> str | None:
    if wanted.template is None:
        return plan.templates[0]["id"] if plan.templates else None
    if not plan.has_template(wanted.template):
        offered = ", ".join(template["id"] for template in plan.templates) or "none"
        errors.append(FieldError(f"{pointer}/template", f"{plan.name} is not offered with this. Offered: {offered}."))
    return wanted.template
