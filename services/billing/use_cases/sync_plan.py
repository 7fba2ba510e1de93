"""A plan was published: make its product and prices known to Stripe."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.billing.domain import Plan, Price
from services.billing.domain.stripe_task import SYNC_PLAN
from services.billing.use_cases.schedule import schedule
from shared.contracts.catalog import PlanPrice, PlanPublished
from shared.database import FailureClass, HandlingFailed, UnitOfWork


async def sync_plan(work: UnitOfWork, event: PlanPublished) -> None:
    """Notes the plan at this version and its prices, and asks for them to be synced. Older versions rename nothing.

    Raises HandlingFailed (permanent) when a known price would change: a price is immutable, here as at Stripe.
    """
    now = work.clock.now()
    described = {
        "code": event.code,
        "name": event.name,
        "description": event.description,
        "version": event.version,
        "updated_at": now,
    }
    statement = insert(Plan).values(id=event.plan_id, **described)
    await work.session.execute(
        statement.on_conflict_do_update(
            index_elements=[Plan.id], set_=described, where=Plan.version < statement.excluded.version
        )
    )
    for price in event.prices:
        await _note_price(work, event.plan_id, price)
    await schedule(
        work,
        SYNC_PLAN,
        f"plan:{event.plan_id}:{event.version}",
        {
            "plan_id": event.plan_id,
            "version": event.version,
            "price_ids": [price.price_id for price in event.prices],
        },
    )


async def _note_price(work: UnitOfWork, plan_id: str, price: PlanPrice) -> None:
    await work.session.execute(
        insert(Price)
        .values(
            id=price.price_id,
            plan_id=plan_id,
            currency=price.currency,
            interval=price.interval,
            amount_minor=price.amount_minor,
            setup_fee_minor=price.setup_fee_minor,
            created_at=work.clock.now(),
        )
        .on_conflict_do_nothing()
    )
    known = (await work.session.execute(select(Price).where(Price.id == price.price_id))).scalar_one()
    if not known.costs(currency=price.currency, interval=price.interval, amount_minor=price.amount_minor):
        raise HandlingFailed(f"{price.price_id} would change; publish a new price instead", FailureClass.PERMANENT)
