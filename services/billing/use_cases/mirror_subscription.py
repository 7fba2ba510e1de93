"""Subscriptions as they stand at Stripe, in any order of telling."""

from services.billing.domain.facts import Stamp, SubscriptionFact
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.known import Known


async def mirror_subscription(known: Known, fact: SubscriptionFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot."""
    if known.account(fact.customer_id) is None:
        return Applied("ignored: not a customer of ours")
    subscription = known.subscriptions[fact.stripe_subscription_id]
    if subscription.order_id is None:
        subscription.order_id = await known.order(subscription.account_id, fact)
    subscription.mirror(fact, stamp)
    return Applied(f"subscription {subscription.status}", subscription.order_id)
