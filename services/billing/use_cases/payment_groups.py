"""Groups as they are found and locked, and what is told of them."""

from datetime import datetime

from sqlalchemy import Select, select

from services.billing.domain import PaymentGroup, PaymentGroupItem, Subscription
from services.billing.domain.facts import InvoiceFact
from shared.contracts.billing import (
    SubscriptionEnded,
    SubscriptionPastDue,
    SubscriptionRecovered,
    SubscriptionRenewed,
    SubscriptionStarted,
)
from shared.database import FailureClass, HandlingFailed, UnitOfWork

_RENEWAL_FAILED = ("renewal_failed", "The renewal could not be charged. Check the card, or pay with another one.")
# Stripe's billing reasons of invoices for a later period
# (https://docs.stripe.com/api/invoices/object#invoice_object-billing_reason).
RENEWALS = frozenset({"subscription_cycle"})


async def locked_groups(work: UnitOfWork, statement: Select[PaymentGroup]) -> list[PaymentGroup]:
    """The groups of the statement, locked in the order of their ids and loaded afresh."""
    locked = statement.order_by(PaymentGroup.id).with_for_update(of=PaymentGroup)
    return list((await work.session.execute(locked)).scalars())


async def groups_of_order(work: UnitOfWork, order_id: str) -> list[PaymentGroup]:
    """Every group of the order, locked."""
    return await locked_groups(work, select(PaymentGroup).where(PaymentGroup.order_id == order_id))


async def item_ids_of_order(work: UnitOfWork, order_id: str) -> tuple[str, ...]:
    """Every item of the order that has a name here; none for orders of before items were named."""
    statement = (
        select(PaymentGroupItem.item_id)
        .join(PaymentGroup, PaymentGroup.id == PaymentGroupItem.group_id)
        .where(PaymentGroup.order_id == order_id, PaymentGroupItem.item_id.is_not(None))
        .order_by(PaymentGroupItem.id)
    )
    return tuple(item_id for item_id in (await work.session.execute(statement)).scalars() if item_id is not None)


def item_of(groups: list[PaymentGroup], item_id: str) -> tuple[PaymentGroup, PaymentGroupItem] | None:
    """The item among the groups of its order.

    An item of before items were named is adopted when it is the order's only one. Raises HandlingFailed (needs human)
    when several could be meant; None when the order was never paid here.
    """
    every = [(group, item) for group in groups for item in group.items]
    for group, item in every:
        if item.item_id == item_id:
            return group, item
    unnamed = [(group, item) for group, item in every if item.item_id is None]
    if len(unnamed) > 1:
        raise HandlingFailed(
            f"{item_id}: the order was placed before its lines named their items, and it has several",
            FailureClass.NEEDS_HUMAN,
        )
    for group, item in unnamed:
        item.item_id = item_id
        return group, item
    return None


async def show_subscription(work: UnitOfWork, group: PaymentGroup, subscription: Subscription) -> None:
    """The group follows its subscription's snapshot; what is news is published."""
    for news in group.follow(subscription):
        _publish(work, group, subscription, news)


def _publish(work: UnitOfWork, group: PaymentGroup, subscription: Subscription, news: str) -> None:
    about = {
        "subscription_id": subscription.stripe_subscription_id,
        "order_id": group.order_id,
        "account_id": group.account_id,
        "item_ids": group.item_ids,
    }
    at = subscription.as_of
    if news == "started":
        period_end = group.first_period_end(at)
        started_at = group.paid_at or at
        work.publish(
            SubscriptionStarted(**about, interval=group.interval, period_end=period_end, started_at=started_at)
        )
    elif news == "past_due":
        code, message = _RENEWAL_FAILED
        work.publish(SubscriptionPastDue(**about, code=code, message=message, failed_at=at))
    elif news == "recovered":
        work.publish(SubscriptionRecovered(**about, recovered_at=at))
    else:
        work.publish(SubscriptionEnded(**about, reason=group.status, ended_at=group.ends_at or at))


def publish_renewal(
    work: UnitOfWork, group: PaymentGroup, fact: InvoiceFact, *, invoice_id: str, paid_at: datetime
) -> None:
    """A later period of the group is paid."""
    work.publish(
        SubscriptionRenewed(
            subscription_id=fact.subscription_id or group.stripe_subscription_id or "",
            order_id=group.order_id,
            account_id=group.account_id,
            item_ids=group.item_ids,
            invoice_id=invoice_id,
            amount_minor=fact.amount_paid_minor,
            currency=fact.currency,
            period_end=fact.period_end or group.period_end or paid_at,
            paid_at=paid_at,
        )
    )
