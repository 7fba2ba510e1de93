"""What billing reports about money, and what it does to an order.

Facts arrive more than once and in any order; each function here may be called again with the same fact.
"""

import structlog

from services.catalog.domain import Order, Particulars
from services.catalog.use_cases.entitlement_facts import tell_granted
from services.catalog.use_cases.follow_subscriptions import end_what_ended
from services.catalog.use_cases.loading import locked_order, order_changed
from shared.contracts.billing import CheckoutExpired, CheckoutPaid, PaymentFailed, PaymentMismatched
from shared.database import UnitOfWork

log = structlog.get_logger()
_BILLING = "service:billing"


async def on_checkout_paid(work: UnitOfWork, event: CheckoutPaid) -> None:
    """The money arrived: the order is paid and every unit of it is granted, once.

    Money that does not fit the order, or comes twice or too late, grants nothing and is shown to staff.
    """
    order = await locked_order(work, event.order_id)
    settled = order.receive(
        event.account_id,
        Particulars(event.checkout_id, event.amount_minor, event.currency),
        paid_at=event.paid_at,
        items=event.item_ids,
        subscription=event.stripe_subscription_id,
        at=work.clock.now(),
        by=_BILLING,
    )
    if settled:
        _grant(work, order, _BILLING)
    elif order.attention:
        log.warning("payment_needs_attention", order=order.id, attention=order.attention)
    order_changed(work, order)


async def on_payment_mismatched(work: UnitOfWork, event: PaymentMismatched) -> None:
    """Money arrived that billing refuses to count for the order: a person must look."""
    order = await locked_order(work, event.order_id)
    received = Particulars(event.checkout_id, event.received_minor, event.received_currency)
    if order.report_mismatch(received, event.reason, at=work.clock.now(), by=_BILLING):
        log.warning("payment_needs_attention", order=order.id, attention=order.attention)
        order_changed(work, order)


async def on_payment_failed(work: UnitOfWork, event: PaymentFailed) -> None:
    """A card was declined, say: the customer sees why and can try again."""
    order = await locked_order(work, event.order_id, event.account_id)
    if order.payment_failed(event.code, event.message, failed_at=event.failed_at, at=work.clock.now(), by=_BILLING):
        order_changed(work, order)


async def on_checkout_expired(work: UnitOfWork, event: CheckoutExpired) -> None:
    """The payment page is closed: an order that still waits for its money has expired."""
    order = await locked_order(work, event.order_id, event.account_id)
    if order.expire(at=work.clock.now(), by=_BILLING):
        order_changed(work, order)


async def accept_payment(work: UnitOfWork, *, order_id: str, reason: str) -> Order:
    """Staff decide that the money under review pays the order. Safe to repeat.

    Raises Conflict (`nothing-to-accept`) when no payment waits for a decision.
    """
    order = await locked_order(work, order_id)
    if order.accept_payment(at=work.clock.now(), by=work.actor, reason=reason):
        _grant(work, order, work.actor)
        order_changed(work, order)
    return order


def _grant(work: UnitOfWork, order: Order, by: str) -> None:
    items = {item.id: item for item in order.items}
    for right in order.grant(at=work.clock.now(), by=by):
        tell_granted(work, order, items[right.item_id], right)
    end_what_ended(work, order)
