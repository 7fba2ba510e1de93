"""Refunds as they stand at Stripe, in any order of telling."""

from sqlalchemy import select

from services.billing.domain import Refund
from services.billing.domain.facts import RefundFact, Stamp
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.loading import Loader
from shared.database import UnitOfWork


async def record_refund(work: UnitOfWork, loader: Loader, fact: RefundFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot. The charge is held, so nobody else makes this refund meanwhile."""
    statement = select(Refund).where(Refund.stripe_refund_id == fact.stripe_refund_id).with_for_update()
    refund = (await work.session.execute(statement)).scalar_one_or_none()
    if refund is None:
        refund = Refund.begin(fact, stamp)
        work.add(refund)
    refund.mirror(fact, stamp)
    return Applied(f"refund {refund.stripe_status}", loader.payments[fact.reference].order_id)
