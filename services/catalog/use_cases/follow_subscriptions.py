"""What billing reports about how an order's items renew, fail and end.

Each fact names its items: their neighbours in the order are left alone. Facts come in any order and more than once, so
the newest of each kind counts, and what ended stays ended.
"""

from collections.abc import Sequence

from services.catalog.domain import Entitlement, Order, OrderItem
from services.catalog.use_cases.entitlement_facts import tell_decided
from services.catalog.use_cases.loading import locked_order, order_changed
from shared.contracts.billing import (
    SubscriptionEnded,
    SubscriptionPastDue,
    SubscriptionRecovered,
    SubscriptionRenewed,
    SubscriptionRescheduled,
    SubscriptionStarted,
)
from shared.contracts.catalog import EntitlementEnded
from shared.contracts.intervals import in_words
from shared.database import UnitOfWork
from shared.kernel import Money, NotFound, rfc3339

_BILLING = "service:billing"
PAST_DUE = "past_due"
_ENDINGS = {
    "canceled": "the subscription was canceled",
    "unpaid": "the subscription was not paid",
    "incomplete_expired": "the first payment was not completed",
}
Subscription = (
    SubscriptionEnded
    | SubscriptionPastDue
    | SubscriptionRecovered
    | SubscriptionRenewed
    | SubscriptionRescheduled
    | SubscriptionStarted
)


async def on_subscription_started(work: UnitOfWork, event: SubscriptionStarted) -> None:
    """The items renew; their first period is paid until its end."""
    order, items = await _find(work, event)
    if _pay_until(order, items, event):
        detail = {"interval": in_words(event.interval), "next": rfc3339(event.period_end)}
        _note(work, order, "renewal_started", items, **detail)


async def on_subscription_renewed(work: UnitOfWork, event: SubscriptionRenewed) -> None:
    """Another period is paid; however often it is told, the items are paid until its end."""
    order, items = await _find(work, event)
    for item in items:
        item.settle(event.paid_at)
    _still_past_due(order)
    if _pay_until(order, items, event):
        amount = str(Money(event.amount_minor, event.currency))
        _note(work, order, "renewed", items, amount=amount, next=rfc3339(event.period_end))


async def on_subscription_rescheduled(work: UnitOfWork, event: SubscriptionRescheduled) -> None:
    """The next charge was moved to a later day."""
    order, items = await _find(work, event)
    if _pay_until(order, items, event):
        _note(work, order, "rescheduled", items, reason=event.reason, next=rfc3339(event.period_end))


async def on_subscription_past_due(work: UnitOfWork, event: SubscriptionPastDue) -> None:
    """A renewal could not be charged. The services run on; the customer reads why, and staff see it."""
    order, items = await _find(work, event)
    for item in items:
        item.fall_due(event.failed_at)
    _still_past_due(order)
    if any(item.is_past_due for item in items):
        _note(work, order, "past_due", items, code=event.code, message=event.message)


async def on_subscription_recovered(work: UnitOfWork, event: SubscriptionRecovered) -> None:
    """What was past due is paid."""
    order, items = await _find(work, event)
    for item in items:
        item.settle(event.recovered_at)
    _still_past_due(order)
    _note(work, order, "recovered", items)


async def on_subscription_ended(work: UnitOfWork, event: SubscriptionEnded) -> None:
    """The items are charged no more: what they entitle to ends, and nothing else does.

    Money that is reported only afterwards still grants them, and they end at once (`end_what_ended`).
    """
    order, items = await _find(work, event)
    if not [item for item in items if item.end(event.ended_at)]:
        return
    _still_past_due(order)
    words = _ENDINGS.get(event.reason, f"the subscription ended ({event.reason})")
    _note(work, order, "subscription_ended", items, reason=words)
    end_rights(work, order, order.rights_of({item.id for item in items}), words)


def end_what_ended(work: UnitOfWork, order: Order) -> None:
    """For rights just granted: those of items that ended before their payment was heard of end now."""
    ended = {item.id for item in order.items if item.ended_at is not None}
    end_rights(work, order, order.rights_of(ended), "the subscription ended")


def end_rights(work: UnitOfWork, order: Order, rights: Sequence[Entitlement], reason: str) -> None:
    """Ends these rights of an order, and tells it of each that was not over."""
    now = work.clock.now()
    for right in rights:
        if right.end(at=now, by=_BILLING, reason=reason):
            tell_decided(work, EntitlementEnded, right, reason)
    order.fulfill_when_all_run(at=now, by=_BILLING)


async def _find(work: UnitOfWork, event: Subscription) -> tuple[Order, list[OrderItem]]:
    """The order and the items that are meant. Raises NotFound for others: the fact waits and is tried again."""
    order = await locked_order(work, event.order_id, event.account_id)
    items = [item for item in order.items if item.id in event.item_ids]
    if len(items) != len(set(event.item_ids)):
        raise NotFound(f"{order.id} does not have all of the items {', '.join(event.item_ids)}")
    return order, items


def _pay_until(
    order: Order,
    items: Sequence[OrderItem],
    event: SubscriptionStarted | SubscriptionRenewed | SubscriptionRescheduled,
) -> bool:
    news = [item.id for item in items if item.pay_until(event.period_end)]
    for right in order.rights_of(news):
        right.pay_until(event.period_end)
    return bool(news)


def _still_past_due(order: Order) -> None:
    if any(item.is_past_due for item in order.items):
        order.flag(PAST_DUE)
    else:
        order.unflag(PAST_DUE)


def _note(
    work: UnitOfWork, order: Order, what: str, items: Sequence[OrderItem], *, reason: str | None = None, **detail: str
) -> None:
    ids = [item.id for item in items]
    order.note(what, at=work.clock.now(), by=_BILLING, reason=reason, detail={**detail, "items": ids})
    order_changed(work, order)
