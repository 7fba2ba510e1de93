"""Disputes as they stand at Stripe, in any order of telling."""

from sqlalchemy import select

from services.billing.domain import Dispute
from services.billing.domain.facts import DisputeFact, Stamp
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.loading import Loader
from shared.database import UnitOfWork


async def record_dispute(work: UnitOfWork, loader: Loader, fact: DisputeFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot, and notes on the payment where its dispute stands. The charge is held meanwhile."""
    statement = select(Dispute).where(Dispute.stripe_dispute_id == fact.stripe_dispute_id).with_for_update()
    dispute = (await work.session.execute(statement)).scalar_one_or_none()
    if dispute is None:
        dispute = Dispute.begin(fact, stamp)
        work.add(dispute)
    dispute.mirror(fact, stamp)
    payment = loader.payments[fact.reference]
    payment.dispute(fact, stamp)
    return Applied(f"dispute {dispute.stripe_status}", payment.order_id)
