"""Invoices of subscriptions: drawn up, finalized, collected, and collected again when the card says no."""

from typing import Any

from sandbox.stripe.cards import GENERIC_DECLINE
from sandbox.stripe.money import readable
from sandbox.stripe.resources import charges, invoices, payment_intents, payment_methods, subscriptions
from sandbox.stripe.resources.invoice_lines import Line
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

# Stripe finalizes a renewal's draft about an hour after its webhooks were delivered
# (https://docs.stripe.com/billing/subscriptions/webhooks).
DRAFT_FOR = 3600


def subscription_lines(subscription: JsonObject, names: dict[str, str], *, trial: bool = False) -> list[Line]:
    """One line per subscription item for its current period. `names` maps price ids to product names."""
    return [
        Line(
            price=item["price"],
            quantity=item["quantity"],
            description=(
                f"Trial period for {names[item['price']['id']]}"
                if trial
                else f"{item['quantity']} × {names[item['price']['id']]} "
                f"(at {readable(item['price']['unit_amount'], item['price']['currency'])} / "
                f"{item['price']['recurring']['interval']})"
            ),
            start=item["current_period_start"],
            end=item["current_period_end"],
            item=item,
            free=trial,
        )
        for item in subscription["items"]["data"]
    ]


def _names(work: Work, subscription: JsonObject) -> dict[str, str]:
    return {
        item["price"]["id"]: str(work.require("product", item["price"]["product"])["name"])
        for item in subscription["items"]["data"]
    }


def draw_up(work: Work, subscription: JsonObject, reason: str, *, trial: bool = False) -> JsonObject:
    """A draft for the current period, which is from now on the subscription's latest invoice."""
    lines = subscription_lines(subscription, _names(work, subscription), trial=trial)
    return invoices.build(
        work,
        customer=work.require("customer", subscription["customer"]),
        lines=lines,
        total=sum(line.amount for line in lines),
        currency=subscription["currency"],
        reason=reason,
        subscription=subscription,
    )


def bill_first(work: Work, subscription: JsonObject, customer: JsonObject) -> None:
    """The first invoice of a subscription made through the API: nothing for a trial, else collected at once."""
    trial = subscription["status"] == "trialing"
    invoice = draw_up(work, subscription, "subscription_create", trial=trial)
    subscription["latest_invoice"] = invoice["id"]
    work.store.save("subscription", subscription)
    work.emit("customer.subscription.created", subscription)
    invoices.finalize(work, invoice, work.require("customer", customer["id"]))
    if trial or invoice["total"] == 0:
        invoices.settle(work, invoice, None)
    elif not collect(work, subscription, invoice):
        subscriptions.save_changes(work, subscription, {"status": "incomplete"})


def bill_trial(work: Work, subscription: JsonObject, reason: str) -> None:
    """An invoice of nothing for time that is not charged."""
    invoice = draw_up(work, subscription, reason, trial=True)
    subscriptions.save_changes(work, subscription, {"latest_invoice": invoice["id"]})
    invoices.finalize(work, invoice, work.require("customer", subscription["customer"]))
    invoices.settle(work, invoice, None)


def finalize(work: Work, invoice: JsonObject, *, declined: bool | None = None) -> JsonObject:
    """A renewal's draft becomes due and is collected."""
    subscription = subscription_of(work, invoice)
    invoices.finalize(work, invoice, work.require("customer", invoice["customer"]))
    if invoice["total"] == 0:
        return invoices.settle(work, invoice, None)
    if subscription is not None:
        try_to_collect(work, subscription, invoice, declined=declined)
    return invoice


def try_to_collect(work: Work, subscription: JsonObject, invoice: JsonObject, *, declined: bool | None = None) -> None:
    """One automatic attempt: the subscription is active again, past due, or, after the last one, what is set."""
    if collect(work, subscription, invoice, declined=declined):
        return
    retries = work.settings.retry_days
    made = invoice["attempt_count"]
    if made <= len(retries):
        invoice["next_payment_attempt"] = work.now + retries[made - 1] * 24 * 3600
        work.store.save("invoice", invoice)
        subscriptions.save_changes(work, subscription, {"status": "past_due"})
    elif work.settings.after_retries == "canceled":
        subscriptions.end(work, subscription, "payment_failed")
    else:
        subscriptions.save_changes(work, subscription, {"status": work.settings.after_retries})


def collect(
    work: Work,
    subscription: JsonObject,
    invoice: JsonObject,
    *,
    declined: bool | None = None,
    method_id: str | None = None,
) -> bool:
    """Charges the invoice; says whether the money came. The test card decides unless `declined` does."""
    method = work.require("payment_method", method_id or subscription["default_payment_method"])
    card = payment_methods.card_of(work, method["id"])
    decline = card.renewal_decline or card.decline
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
        invoices.record_failure(work, invoice, None)
        return False
    payment_intents.succeed(work, intent, charge, method)
    invoices.settle(work, invoice, intent)
    if subscription["status"] in {"past_due", "unpaid", "incomplete"}:
        subscriptions.save_changes(work, subscription, {"status": "active"})
    return True


def subscription_of(work: Work, invoice: JsonObject) -> JsonObject | None:
    """The subscription an invoice bills; None for one that bills something else."""
    details: dict[str, Any] = (invoice["parent"] or {}).get("subscription_details") or {}
    found = details.get("subscription")
    return work.require("subscription", found) if found is not None else None
