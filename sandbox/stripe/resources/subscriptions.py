"""Subscriptions (https://docs.stripe.com/api/subscriptions). The billing period is on the items."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from sandbox.stripe.errors import missing_resource
from sandbox.stripe.ids import new_id
from sandbox.stripe.listing import as_list, page
from sandbox.stripe.parameters import merge_metadata
from sandbox.stripe.resources.periods import after
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

# Those that still charge, or may again.
LIVING = ("active", "trialing", "past_due", "unpaid", "incomplete")


def _plan(price: JsonObject) -> JsonObject:
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def item(work: Work, subscription_id: str, price: JsonObject, quantity: int, end: int | None = None) -> JsonObject:
    """Stripe's `subscription_item`; its period ends at `end`, or after one interval."""
    return {
        "id": new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": work.now,
        "current_period_end": end if end is not None else after(work.now, price["recurring"]),
        "current_period_start": work.now,
        "discounts": [],
        "metadata": {},
        "plan": _plan(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }


# What is the same for every new subscription.
_BLANK: JsonObject = {
    "object": "subscription",
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "billing_schedules": [],
    "billing_thresholds": None,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "reason": None},
    "collection_method": "charge_automatically",
    "customer_account": None,
    "days_until_due": None,
    "default_source": None,
    "default_tax_rates": [],
    "discounts": [],
    "ended_at": None,
    "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
    "latest_invoice": None,
    "livemode": False,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    },
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "status": "active",
    "test_clock": None,
    "transfer_data": None,
    "trial_end": None,
    "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    "trial_start": None,
}


def build(
    work: Work,
    *,
    customer: str,
    prices: Sequence[tuple[JsonObject, int]],
    payment_method: str | None,
    data: dict[str, Any],
    currency: str,
    trial_end: int | None = None,
    test_clock: str | None = None,
) -> JsonObject:
    """A stored subscription over (price, quantity) pairs: active, or trialing until `trial_end`.

    Not announced yet: its first invoice is part of what `customer.subscription.created` shows. `data` holds its
    description and metadata.
    """
    identifier = new_id("subscription")
    items = [item(work, identifier, price, quantity, trial_end) for price, quantity in prices]
    subscription: JsonObject = {
        **deepcopy(_BLANK),
        "id": identifier,
        "billing_cycle_anchor": trial_end if trial_end is not None else work.now,
        "created": work.now,
        "currency": currency,
        "customer": customer,
        "default_payment_method": payment_method,
        "description": data.get("description"),
        "items": as_list(items, f"/v1/subscription_items?subscription={identifier}"),
        "metadata": merge_metadata({}, data.get("metadata", {})),
        "start_date": work.now,
        "status": "active" if trial_end is None else "trialing",
        "test_clock": test_clock,
        "trial_end": trial_end,
        "trial_start": None if trial_end is None else work.now,
    }
    return work.store.insert("subscription", subscription)


def current_period_end(subscription: JsonObject) -> int:
    """When the shortest running period ends."""
    return min(int(entry["current_period_end"]) for entry in subscription["items"]["data"])


def save_changes(work: Work, subscription: JsonObject, changes: dict[str, Any]) -> JsonObject:
    """Stores what differs and announces it as `customer.subscription.updated`."""
    previous = {name: subscription[name] for name, value in changes.items() if subscription[name] != value}
    if previous:
        subscription.update(changes)
        work.store.save("subscription", subscription)
        work.emit("customer.subscription.updated", subscription, previous)
    return subscription


def end(work: Work, subscription: JsonObject, reason: str, details: dict[str, Any] | None = None) -> JsonObject:
    """Ends it now: `customer.subscription.deleted`."""
    subscription.update(
        status="canceled",
        canceled_at=subscription["canceled_at"] or work.now,
        ended_at=work.now,
        cancellation_details={**subscription["cancellation_details"], **(details or {}), "reason": reason},
    )
    work.store.save("subscription", subscription)
    work.emit("customer.subscription.deleted", subscription)
    return subscription


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/subscriptions/:id"""
    return work.require("subscription", identifier)


def cancel(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """DELETE /v1/subscriptions/:id: at once. A second cancellation finds nothing, as at Stripe."""
    subscription = work.require("subscription", identifier)
    work = work.of_customer(subscription["customer"])
    if subscription["status"] == "canceled":
        raise missing_resource("subscription", identifier)
    return end(work, subscription, "cancellation_requested", params.get("cancellation_details"))


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/subscriptions: without `status`, everything that is not canceled."""
    status = params.get("status")
    conditions = []
    if status is None:
        conditions.append(Where("status", "ne", "canceled"))
    elif status == "ended":
        conditions.append(Where("status", "in", ["canceled", "incomplete_expired"]))
    elif status != "all":
        conditions.append(Where("status", "eq", status))
    return page(
        work, "subscription", "/v1/subscriptions", params, equal=("customer", "test_clock"), conditions=conditions
    )
