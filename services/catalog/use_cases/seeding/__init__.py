"""A believable catalogue for a new installation: something to sell from the first minute."""

from sqlalchemy import select, text

from services.catalog.domain import Plan, Product
from services.catalog.use_cases.manage_plans import announce
from services.catalog.use_cases.seeding.catalogue import PLANS, PRODUCTS, PlanSeed
from shared.database import UnitOfWork

_BY = "seed"


async def ensure_catalogue(work: UnitOfWork) -> int:
    """Adds and publishes the plans that are missing, by their code; returns how many were added.

    What is there already is left as it is, whatever staff have made of it, so it may run at every start and twice
    at once.
    """
    await work.session.execute(text("SELECT pg_advisory_xact_lock(hashtext('catalog.seeding'))"))
    known = set((await work.session.execute(select(Plan.code))).scalars())
    products = {product.product_type: product for product in (await work.session.execute(select(Product))).scalars()}
    added = [_plan(work, seed, products) for seed in PLANS if seed.code not in known]
    await work.session.flush()
    for plan in added:
        announce(work, plan)
    return len(added)


def _plan(work: UnitOfWork, seed: PlanSeed, products: dict[str, Product]) -> Plan:
    product = products.get(seed.product_type)
    if product is None:
        product = products[seed.product_type] = Product.new(seed.product_type, PRODUCTS[seed.product_type])
    now = work.clock.now()
    plan = Plan.draft(
        product,
        seed.code,
        seed.name,
        at=now,
        by=_BY,
        tagline=seed.tagline,
        description=seed.description,
        features=list(seed.features),
        spec=dict(seed.spec),
        templates=[{"id": key, "name": name} for key, name in seed.templates],
        availability=seed.availability,
        position=PLANS.index(seed),
    )
    for currency, interval, amount_minor, setup_fee_minor in seed.prices():
        plan.add_price(currency, interval, amount_minor, setup_fee_minor, at=now, by=_BY)
    plan.publish(at=now, by=_BY)
    work.add(plan)
    return plan
