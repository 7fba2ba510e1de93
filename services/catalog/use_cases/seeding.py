"""A believable catalogue for a new installation: the plans that its product types bring."""

from sqlalchemy import select, text

from services.catalog.domain import Plan, PlanGroup
from services.catalog.product_types import ProductTypes
from services.catalog.product_types.base import ProductType
from services.catalog.product_types.plan_seeds import PlanSeed
from services.catalog.use_cases.manage_plans import announce
from shared.database import UnitOfWork

_BY = "seed"


async def ensure_catalogue(work: UnitOfWork, types: ProductTypes) -> int:
    """Adds and publishes the plans that are missing, by their code; returns how many were added.

    What is there already is left as it is, whatever staff have made of it, so it may run at every start and twice
    at once.
    """
    await work.session.execute(text("SELECT pg_advisory_xact_lock(hashtext('catalog.seeding'))"))
    known = set((await work.session.execute(select(Plan.code))).scalars())
    groups = {group.code: group for group in (await work.session.execute(select(PlanGroup))).scalars()}
    added = []
    for position, product_type in enumerate(types.values()):
        seeds = [(place, seed) for place, seed in enumerate(product_type.seeds) if seed.code not in known]
        if seeds and product_type.code not in groups:
            name = product_type.group or product_type.name
            groups[product_type.code] = PlanGroup.new(product_type.code, name, position)
        added += [_plan(work, product_type, groups[product_type.code], seed, place) for place, seed in seeds]
    await work.session.flush()
    for plan in added:
        announce(work, plan)
    return len(added)


def _plan(work: UnitOfWork, product_type: ProductType, group: PlanGroup, seed: PlanSeed, position: int) -> Plan:
    now = work.clock.now()
    plan = Plan.draft(
        group,
        product_type.code,
        seed.code,
        seed.name,
        at=now,
        by=_BY,
        tagline=seed.tagline,
        description=seed.description,
        features=list(seed.features),
        spec=dict(seed.spec),
        options={
            key: [{"value": value, "label": label} for value, label in offered] for key, offered in seed.options.items()
        },
        availability=seed.availability,
        recommended=seed.recommended,
        position=position,
    )
    for currency, interval, amount_minor, setup_fee_minor in seed.prices():
        plan.add_price(currency, interval, amount_minor, setup_fee_minor, at=now, by=_BY)
    plan.publish(at=now, by=_BY)
    work.add(plan)
    return plan
