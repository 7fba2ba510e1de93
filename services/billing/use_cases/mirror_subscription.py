"""Subscriptions as they stand at Stripe, in any order of telling; what changes for their items is told on."""

from services.billing.domain.facts import Stamp, SubscriptionFact
from services.billing.domain.stripe_task import FETCH_SUBSCRIPTION
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.loading import Loader
from services.billing.use_cases.payment_groups import show_subscription
from services.billing.use_cases.schedule import schedule
from shared.database import UnitOfWork


async def mirror_subscription(work: UnitOfWork, loader: Loader, fact: SubscriptionFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot. Of two that Stripe's times cannot order, neither: the object itself is fetched."""
    if loader.account(fact.customer_id) is None:
        return Applied("ignored: not a customer of ours")
    subscription = loader.subscriptions[fact.stripe_subscription_id]
    group = await loader.group(subscription.account_id, fact)
    if subscription.order_id is None:
        subscription.order_id = group.order_id if group else await loader.order(subscription.account_id, fact)
    if subscription.is_tie(fact, stamp):
        subscription_id = fact.stripe_subscription_id
        await schedule(work, FETCH_SUBSCRIPTION, f"fetch:{stamp.event_id}", {"subscription_id": subscription_id})
        return Applied("asked for again: told twice within one second", subscription.order_id)
    changed = subscription.mirror(fact, stamp)
    if group is not None and group.bind(fact.stripe_subscription_id) and (changed or group.announced is None):
        await show_subscription(work, group, subscription)
    return Applied(f"subscription {subscription.status}", subscription.order_id)
