"""What time does to subscriptions: they renew, fail to renew, or end."""

from sandbox.stripe.cards import GENERIC_DECLINE
from sandbox.stripe.payment import subscription_lines
from sandbox.stripe.resources import charges, invoices, payment_intents, payment_methods, subscriptions
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

_RETRY_AFTER = 3 * 24 * 3600
# A clock moved by years must not renew without end in one transaction.
_MOST_PERIODS = 36


def advance_due(work: Work) -> None:
    """Renews or ends every subscription whose period is over."""
    # Checkout sells one interval per subscription, so the first item's period is every item's period.
    due = Where("items.data[0].current_period_end", "lte", work.now)
    for subscription in work.store.find("subscription", [Where("status", "in", ["active", "past_due"]), due]):
        for _ in range(_MOST_PERIODS):
            if subscriptions.current_period_end(subscription) > work.now:
                break
            if subscription["cancel_at_period_end"]:
                subscriptions.end(work, subscription, "cancellation_requested")
                break
            renew(work, subscription)


def renew(work: Work, subscription: JsonObject, *, declined: bool | None = None) -> JsonObject:
    """Starts the next period, bills it and returns the invoice. The stored test card decides whether the payment
    succeeds, unless `declined` says so."""
    customer = work.require("customer", subscription["customer"])
    _start_next_period(work, subscription)
    names = {
        item["price"]["id"]: str(work.require("product", item["price"]["product"])["name"])
        for item in subscription["items"]["data"]
    }
    lines = subscription_lines(subscription, names)
    total = sum(line.amount for line in lines)
    invoice = invoices.build(
        work,
        customer=customer,
        lines=lines,
        total=total,
        currency=subscription["currency"],
        reason="subscription_cycle",
        subscription=subscription,
    )
    subscriptions.save_changes(work, subscription, {"latest_invoice": invoice["id"]})
    invoices.finalize(work, invoice, customer)
    if total == 0:
        return invoices.settle(work, invoice, None)
    _collect(work, subscription, invoice, declined=declined)
    return invoice


def _start_next_period(work: Work, subscription: JsonObject) -> None:
    ending = subscriptions.current_period_end(subscription)
    items = [dict(item) for item in subscription["items"]["data"]]
    for item in items:
        if item["current_period_end"] == ending:
            item["current_period_start"] = ending
            item["current_period_end"] = subscriptions.period_end(ending, item["price"]["recurring"])
    subscriptions.save_changes(work, subscription, {"items": {**subscription["items"], "data": items}})


def _collect(work: Work, subscription: JsonObject, invoice: JsonObject, *, declined: bool | None) -> None:
    method = work.require("payment_method", subscription["default_payment_method"])
    card = payment_methods.card_of(work, method["id"])
    decline = card.renewal_decline
    if declined is not None:
        decline = GENERIC_DECLINE if declined else None
    intent = payment_intents.build(
        work,
        amount=invoice["total"],
        currency=invoice["currency"],
        customer=subscription["customer"],
        description="Subscription update",
        metadata={},
        order_reference=None,
        off_session=True,
    )
    charge = charges.build(
        work,
        intent=intent,
        method=method,
        card=card,
        customer=subscription["customer"],
        email=invoice["customer_email"],
        decline=decline,
    )
    if decline is not None:
        payment_intents.fail(work, intent, decline, method, charge)
        invoices.record_failure(work, invoice, work.now + _RETRY_AFTER)
        subscriptions.save_changes(work, subscription, {"status": "past_due"})
        return
    payment_intents.succeed(work, intent, charge, method)
    invoices.settle(work, invoice, intent)
    subscriptions.save_changes(work, subscription, {"status": "active"})
