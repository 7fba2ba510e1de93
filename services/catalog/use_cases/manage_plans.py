"""Plans are published, repriced and retired by staff; billing says when Stripe knows their prices."""

from sqlalchemy import select

from services.catalog.domain import Plan, Price
from services.catalog.product_types import ProductTypes
from services.catalog.use_cases.loading import locked_plan
from shared.contracts.billing import PriceSynced
from shared.contracts.catalog import PlanPublished
from shared.contracts.intervals import INTERVALS, in_words
from shared.database import UnitOfWork
from shared.kernel import CURRENCIES, FieldError, IllegalMove, Invalid, amount_problem, charge_problem


async def publish_plan(work: UnitOfWork, *, plan_id: str) -> Plan:
    """Lets everybody see the plan and tells billing its prices.

    On a published plan it tells billing once more. To billing the same version again means: try again, also where it
    had given up. So staff can repair prices Stripe does not know.
    """
    plan = await locked_plan(work, plan_id)
    if not plan.publish(at=work.clock.now(), by=work.actor):
        plan.note("announce_again", at=work.clock.now(), by=work.actor)
    announce(work, plan)
    return plan


async def reprice_plan(
    work: UnitOfWork,
    types: ProductTypes,
    *,
    plan_id: str,
    currency: str,
    interval: str,
    amount_minor: int,
    setup_fee_minor: int,
) -> Plan:
    """Puts a new price in the place of the present one; orders placed before keep theirs.

    A published plan is announced at once in its next version. The same price again changes nothing. Raises Invalid for
    an interval that is unknown, or at which the plan's type does not renew, and for a price that Stripe would refuse.
    """
    _must_be_chargeable(currency, amount_minor, setup_fee_minor)
    plan = await locked_plan(work, plan_id)
    _must_renew(types, plan, interval)
    if plan.status == "retired":
        raise IllegalMove("plan", "retired", "reprice")
    present = plan.price_for(currency, interval)
    if present is not None and (present.amount_minor, present.setup_fee_minor) == (amount_minor, setup_fee_minor):
        return plan
    now = work.clock.now()
    plan.supersede(currency, interval, at=now)
    await work.session.flush()  # the old price must be gone before the new one may be the current one
    plan.add_price(currency, interval, amount_minor, setup_fee_minor, at=now, by=work.actor)
    if plan.status == "published":
        announce(work, plan)
    return plan


def _must_be_chargeable(currency: str, amount_minor: int, setup_fee_minor: int) -> None:
    # The fee is charged together with the price, so only the price must reach the minimum of a charge.
    problems = {
        "/amount_minor": charge_problem(amount_minor, currency),
        "/setup_fee_minor": amount_problem(setup_fee_minor, currency),
    }
    errors = tuple(FieldError(pointer, problem) for pointer, problem in problems.items() if problem)
    if currency not in CURRENCIES:
        errors = (FieldError("/currency", f"{currency} is not a currency that can be charged."),)
    if errors:
        raise Invalid(errors[0].detail, slug="price-not-chargeable", errors=errors)


async def retire_plan(work: UnitOfWork, *, plan_id: str) -> Plan:
    """Takes the plan from sale. Safe to repeat."""
    plan = await locked_plan(work, plan_id)
    plan.retire(at=work.clock.now(), by=work.actor)
    return plan


def _must_renew(types: ProductTypes, plan: Plan, interval: str) -> None:
    product_type = types.get(plan.product_type)
    known = tuple(INTERVALS) if product_type is None else product_type.intervals
    if interval not in known or interval not in INTERVALS:
        words = f"{plan.name} cannot renew per {in_words(interval)}. Possible: {', '.join(known)}."
        raise Invalid(words, errors=(FieldError("/interval", words),))


async def on_price_synced(work: UnitOfWork, event: PriceSynced) -> None:
    """Stripe knows a price: it can be ordered from now on. News about an older version is ignored."""
    statement = select(Price).where(Price.id == event.price_id, Price.plan_id == event.plan_id).with_for_update()
    price = await work.one(statement, "There is no price with this id.")
    price.synced(event.plan_version, event.stripe_product_id, event.stripe_price_id)


def announce(work: UnitOfWork, plan: Plan) -> None:
    """Tells everybody what the plan is and what it costs now."""
    work.publish(
        PlanPublished.model_validate(
            {
                "plan_id": plan.id,
                "code": plan.code,
                "name": plan.name,
                "description": plan.description,
                "product_type": plan.product_type,
                "version": plan.version,
                "prices": [
                    {
                        "price_id": price.id,
                        "currency": price.currency,
                        "interval": price.interval,
                        "amount_minor": price.amount_minor,
                        "setup_fee_minor": price.setup_fee_minor,
                    }
                    for price in plan.current_prices
                ],
            }
        )
    )
