"""A customer was deleted at Stripe: the account gets another one."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.billing.domain import FormerCustomer, Payer
from services.billing.domain.stripe_task import ENSURE_CUSTOMER
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.schedule import schedule
from shared.database import UnitOfWork


async def replace_customer(work: UnitOfWork, customer_id: str) -> Applied:
    """Forgets the customer, but for what is told of it late, and wants a new one for its account."""
    statement = select(Payer).where(Payer.stripe_customer_id == customer_id).with_for_update()
    payer = (await work.session.execute(statement)).scalar_one_or_none()
    if payer is None or not payer.lose_customer(customer_id):
        return Applied("ignored: not a customer of ours")
    await work.session.execute(
        insert(FormerCustomer)
        .values(stripe_customer_id=customer_id, account_id=payer.account_id, deleted_at=work.clock.now())
        .on_conflict_do_nothing()
    )
    await schedule(
        work,
        ENSURE_CUSTOMER,
        f"customer:{payer.account_id}:{payer.customer_generation}",
        {"account_id": payer.account_id},
    )
    return Applied("customer replaced")
