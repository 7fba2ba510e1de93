"""Subscriptions as they stand at Stripe, in any order of telling."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.billing.domain import Subscription
from services.billing.domain.facts import Stamp, SubscriptionFact
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.mirror_invoice import account_of_customer, order_of
from shared.database import UnitOfWork


async def mirror_subscription(work: UnitOfWork, fact: SubscriptionFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot."""
    account_id = await account_of_customer(work, fact.customer_id)
    if account_id is None:
        return Applied("ignored: not a customer of ours")
    order_id = await order_of(work, account_id, fact.order_hint, fact.stripe_subscription_id)
    await work.session.execute(
        insert(Subscription)
        .values(
            stripe_subscription_id=fact.stripe_subscription_id,
            account_id=account_id,
            order_id=order_id,
            as_of=stamp.created,
        )
        .on_conflict_do_nothing()
    )
    statement = (
        select(Subscription).where(Subscription.stripe_subscription_id == fact.stripe_subscription_id).with_for_update()
    )
    subscription = (await work.session.execute(statement)).scalar_one()
    subscription.order_id = subscription.order_id or order_id
    subscription.mirror(fact, stamp)
    return Applied(f"subscription {subscription.status}", subscription.order_id)
