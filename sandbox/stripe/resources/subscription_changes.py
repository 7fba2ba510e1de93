"""Subscriptions made and changed through the API: trials, quantities, planned ends. Nothing is prorated here."""

from collections.abc import Sequence
from typing import Any

from sandbox.stripe import billing
from sandbox.stripe.errors import StripeError
from sandbox.stripe.parameters import merge_metadata
from sandbox.stripe.resources import customers, subscriptions
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work


def create(work: Work, params: dict[str, Any]) -> JsonObject:
    """POST /v1/subscriptions: charges at once with the given card, or first when its trial is over."""
    customer = customers.require(work, params["customer"], "customer")
    work = work.of_customer(customer["id"])
    prices = [
        (_price(work, entry["price"], index), entry.get("quantity", 1)) for index, entry in enumerate(params["items"])
    ]
    check_prices([price for price, _quantity in prices])
    currency = prices[0][0]["currency"]
    customers.lock_currency(work, customer, currency)
    method = params.get("default_payment_method") or customer["invoice_settings"]["default_payment_method"]
    if method is None:
        raise StripeError(
            "This customer has no attached payment source or default payment method. Please consider adding a default "
            "payment method.",
            code="resource_missing",
        )
    method = customers.usable_method(work, customer, method)["id"]
    trial_end = _trial_end(work, params.get("trial_end"))
    subscription = subscriptions.build(
        work,
        customer=customer["id"],
        prices=prices,
        payment_method=method,
        data={"description": params.get("description"), "metadata": params.get("metadata", {})},
        currency=currency,
        trial_end=trial_end,
        test_clock=customer.get("test_clock"),
    )
    billing.bill_first(work, subscription, customer)
    return subscription


def _price(work: Work, identifier: str, index: int) -> JsonObject:
    price = work.require("price", identifier, f"items[{index}][price]")
    if price["recurring"] is None:
        raise StripeError(
            f"The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`: "
            f"{identifier}",
            param=f"items[{index}][price]",
        )
    return price


def check_prices(prices: Sequence[JsonObject]) -> None:
    """What may share a subscription here: each price once, one currency, one interval.

    Stripe bills mixed intervals in its flexible mode; what fails then ends them all, so nothing here asks for it.
    """
    for price in prices:
        if sum(other["id"] == price["id"] for other in prices) > 1:
            raise StripeError(f"Cannot add multiple subscription items with the same plan: {price['id']}")
    if len({price["currency"] for price in prices}) > 1:
        raise StripeError("All prices on a subscription must have the same currency.", param="items")
    if len({(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}) > 1:
        raise StripeError("All prices on a subscription must have the same billing interval.", param="items")


def _trial_end(work: Work, given: int | str | None) -> int | None:
    if given is None or given == "now":
        return None
    if int(given) <= work.now:
        raise StripeError("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    return int(given)


def update(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """POST /v1/subscriptions/:id"""
    subscription = work.require("subscription", identifier)
    work = work.of_customer(subscription["customer"])
    if subscription["status"] == "canceled" and params.keys() - {"metadata", "cancellation_details", "expand"}:
        raise StripeError("A canceled subscription can only update its cancellation_details and metadata.")
    changes: dict[str, Any] = {**_descriptions(work, subscription, params), **_planned_end(work, subscription, params)}
    items = _items(work, subscription, params.get("items", []))
    moved = "trial_end" in params
    if moved:
        end = _trial_end(work, params["trial_end"]) or work.now
        items = [{**entry, "current_period_start": work.now, "current_period_end": end} for entry in items]
        changes.update(trial_start=work.now, trial_end=end, billing_cycle_anchor=end, status="trialing")
    if items != subscription["items"]["data"]:
        changes["items"] = {**subscription["items"], "data": items}
    subscriptions.save_changes(work, subscription, changes)
    if moved:
        # The time until then is billed with nothing, as any trial is.
        billing.bill_trial(work, subscription, "subscription_update")
    return subscription


def _descriptions(work: Work, subscription: JsonObject, params: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(subscription["metadata"], params["metadata"])
    if "description" in params:
        changes["description"] = params["description"]
    if "default_payment_method" in params:
        customer = work.require("customer", subscription["customer"])
        method = customers.usable_method(work, customer, params["default_payment_method"])
        changes["default_payment_method"] = method["id"]
    return changes


def _planned_end(work: Work, subscription: JsonObject, params: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    details = {**subscription["cancellation_details"], **params.get("cancellation_details", {})}
    if "cancel_at_period_end" in params:
        ending = params["cancel_at_period_end"]
        changes["cancel_at_period_end"] = ending
        changes["cancel_at"] = subscriptions.current_period_end(subscription) if ending else None
        changes["canceled_at"] = (subscription["canceled_at"] or work.now) if ending else None
        details["reason"] = "cancellation_requested" if ending else None
    changes["cancellation_details"] = details
    return changes


def _items(work: Work, subscription: JsonObject, given: list[dict[str, Any]]) -> list[JsonObject]:
    """The items after the changes; one without an id is new, and ends its period with the others."""
    items = [dict(entry) for entry in subscription["items"]["data"]]
    for index, change in enumerate(given):
        if "id" not in change:
            price = _price(work, change.get("price", ""), index)
            end = subscriptions.current_period_end(subscription)
            items.append(subscriptions.item(work, subscription["id"], price, change.get("quantity", 1), end))
            continue
        known = next((entry for entry in items if entry["id"] == change["id"]), None)
        if known is None:
            raise StripeError(f"No such subscription item: '{change['id']}'", code="resource_missing", param="items")
        if change.get("deleted"):
            items.remove(known)
        else:
            known["quantity"] = change.get("quantity", known["quantity"])
    if not items:
        raise StripeError("A subscription must have at least one active plan.", param="items")
    check_prices([entry["price"] for entry in items])
    return items
