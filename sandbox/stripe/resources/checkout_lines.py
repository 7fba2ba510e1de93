"""The line items of a Checkout Session: resolved to prices, checked against each other, and added up."""

from typing import Any

from sandbox.stripe.errors import StripeError, missing_param
from sandbox.stripe.ids import new_id
from sandbox.stripe.parameters import merge_metadata
from sandbox.stripe.resources import prices
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

_MOST_OF_A_KIND = 20


def line_items(work: Work, given: list[dict[str, Any]], mode: str) -> list[JsonObject]:
    """Stripe's `item` objects. Raises StripeError for a line that cannot be sold in that mode, mixed currencies,
    or recurring prices that bill at different intervals."""
    lines = [_line(work, entry, index) for index, entry in enumerate(given)]
    _check_currencies(lines)
    recurring = [line["price"]["recurring"] for line in lines if line["price"]["recurring"] is not None]
    if mode == "payment" and recurring:
        raise StripeError(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or "
            "use only one-time prices."
        )
    if mode == "subscription" and not recurring:
        raise StripeError("You must provide at least one recurring price in `subscription` mode.")
    if len({(entry["interval"], entry["interval_count"]) for entry in recurring}) > 1:
        # Mixed intervals exist for subscriptions made through the API, not through Checkout:
        # https://docs.stripe.com/changelog/basil/2025-07-30/support-mixed-intervals
        raise StripeError("Checkout does not support multiple prices with different billing intervals.")
    prices = [line["price"]["id"] for line in lines if line["price"]["recurring"] is not None]
    if mode == "subscription" and len(set(prices)) != len(prices):
        raise StripeError("Checkout does not sell the same recurring price twice.", param="line_items")
    if mode == "subscription" and max(len(recurring), len(lines) - len(recurring)) > _MOST_OF_A_KIND:
        raise StripeError("At most 20 recurring and 20 one-time line items are allowed.", param="line_items")
    return lines


def _line(work: Work, entry: dict[str, Any], index: int) -> JsonObject:
    at = f"line_items[{index}]"
    if "price" in entry and "price_data" in entry:
        raise StripeError("You may only specify one of these parameters: price, price_data.", param=f"{at}[price]")
    if "quantity" not in entry:
        raise missing_param(f"{at}[quantity]")
    if "price" in entry:
        price = work.require("price", entry["price"], f"{at}[price]")
        if not price["active"]:
            raise StripeError(
                f"The price specified is inactive. This field only accepts active prices: {price['id']}",
                param=f"{at}[price]",
            )
    elif "price_data" in entry:
        # Stripe archives the price it makes for a single session, so that nobody else sells it.
        price = prices.build(work, {**entry["price_data"], "active": False}, f"{at}[price_data]")
    else:
        raise missing_param(f"{at}[price]")
    product = work.require("product", price["product"])
    amount = price["unit_amount"] * entry["quantity"]
    return {
        "id": new_id("item"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": merge_metadata({}, entry.get("metadata", {})),
        "price": price,
        "quantity": entry["quantity"],
    }


def _check_currencies(lines: list[JsonObject]) -> None:
    currencies = sorted({line["currency"] for line in lines})
    if len(currencies) > 1:
        raise StripeError(
            f"All line items must have the same currency; found {', '.join(currencies)}.", param="line_items"
        )
