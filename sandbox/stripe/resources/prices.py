"""Prices, one-time and recurring (https://docs.stripe.com/api/prices)."""

from typing import Any

from sandbox.stripe.errors import StripeError, missing_param
from sandbox.stripe.ids import new_id
from sandbox.stripe.listing import page
from sandbox.stripe.money import MAXIMUM_CHARGE, refusal
from sandbox.stripe.parameters import (
    EXPAND,
    PAGE,
    Boolean,
    Choice,
    Currency,
    Fields,
    Integer,
    Items,
    Metadata,
    Text,
    merge_metadata,
)
from sandbox.stripe.resources import products
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

INTERVALS = ("day", "week", "month", "year")
# Stripe allows at most three years between two billings.
_LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}
RECURRING = Fields({"interval": Choice(INTERVALS), "interval_count": Integer(1)}, required=("interval",))
PRODUCT_DATA = Fields({"name": Text(), "metadata": Metadata(), "unit_label": Text(12)}, required=("name",))
CREATE = Fields(
    {
        **EXPAND,
        "active": Boolean(),
        "billing_scheme": Choice(("per_unit",)),
        "currency": Currency(),
        "lookup_key": Text(200),
        "metadata": Metadata(),
        "nickname": Text(),
        "product": Text(),
        "product_data": PRODUCT_DATA,
        "recurring": RECURRING,
        "tax_behavior": Choice(("exclusive", "inclusive", "unspecified")),
        "transfer_lookup_key": Boolean(),
        "unit_amount": Integer(0, MAXIMUM_CHARGE),
    },
    required=("currency",),
)
UPDATE = Fields(
    {
        **EXPAND,
        "active": Boolean(),
        "lookup_key": Text(200),
        "metadata": Metadata(),
        "nickname": Text(clears=True),
        "transfer_lookup_key": Boolean(),
    }
)
LIST = Fields(
    {
        **PAGE,
        "active": Boolean(),
        "currency": Currency(),
        "lookup_keys": Items(Text(200), most=10),
        "product": Text(),
        "recurring": Fields({"interval": Choice(INTERVALS)}),
        "type": Choice(("one_time", "recurring")),
    }
)


def build(work: Work, given: dict[str, Any], at: str = "") -> JsonObject:
    """A stored price, announced as `price.created`. `at` prefixes parameter names in errors."""
    if "unit_amount" not in given:
        raise missing_param(f"{at}[unit_amount]" if at else "unit_amount")
    code, words = refusal(given["unit_amount"], given["currency"]) or ("", "")
    if code not in ("", "amount_too_small"):  # a small price may still be part of a total that is not
        raise StripeError(words, code=code, param=f"{at}[unit_amount]" if at else "unit_amount")
    price = {
        "id": new_id("price"),
        "object": "price",
        "active": given.get("active", True),
        "billing_scheme": "per_unit",
        "created": work.now,
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": given.get("lookup_key"),
        "metadata": merge_metadata({}, given.get("metadata", {})),
        "nickname": given.get("nickname"),
        "product": _product_id(work, given, at),
        "recurring": _recurring(given.get("recurring"), at),
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if given.get("recurring") else "one_time",
        "unit_amount": given["unit_amount"],
        "unit_amount_decimal": str(given["unit_amount"]),
    }
    if price["lookup_key"] is not None:
        _claim_lookup_key(work, price["lookup_key"], transfer=given.get("transfer_lookup_key", False))
    work.store.insert("price", price)
    work.emit("price.created", price)
    return price


def _product_id(work: Work, given: dict[str, Any], at: str) -> str:
    name = f"{at}[product]" if at else "product"
    if "product" in given and "product_data" in given:
        raise StripeError("You may only specify one of these parameters: product, product_data.", param=name)
    if "product" in given:
        return str(work.require("product", given["product"], name)["id"])
    if "product_data" in given:
        return str(products.build(work, given["product_data"])["id"])
    raise missing_param(name)


def _recurring(given: dict[str, Any] | None, at: str) -> JsonObject | None:
    if given is None:
        return None
    count = given.get("interval_count", 1)
    if count > _LONGEST[given["interval"]]:
        name = "recurring[interval_count]"
        raise StripeError(
            f"Invalid interval_count: at most {_LONGEST[given['interval']]} {given['interval']}s.",
            param=f"{at}[recurring][interval_count]" if at else name,
        )
    return {
        "interval": given["interval"],
        "interval_count": count,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _claim_lookup_key(work: Work, key: str, *, transfer: bool) -> None:
    for holder in work.store.find("price", [Where("lookup_key", "eq", key)]):
        if not transfer:
            raise StripeError(f"A price (`{holder['id']}`) already uses that lookup key.", param="lookup_key")
        _save(work, holder, {"lookup_key": None})


def _save(work: Work, price: JsonObject, changes: dict[str, Any]) -> JsonObject:
    previous = {name: price[name] for name, value in changes.items() if price[name] != value}
    if previous:
        price.update(changes)
        work.store.save("price", price)
        work.emit("price.updated", price, previous)
    return price


def create(work: Work, params: dict[str, Any]) -> JsonObject:
    """POST /v1/prices"""
    return build(work, params)


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/prices/:id"""
    return work.require("price", identifier)


def update(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """POST /v1/prices/:id"""
    price = work.require("price", identifier)
    changes = {name: value for name, value in params.items() if name not in {"expand", "transfer_lookup_key"}}
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(price["metadata"], changes["metadata"])
    if "lookup_key" in changes and changes["lookup_key"] != price["lookup_key"]:
        _claim_lookup_key(work, changes["lookup_key"], transfer=params.get("transfer_lookup_key", False))
    return _save(work, price, changes)


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/prices"""
    conditions = []
    if params.get("lookup_keys"):
        conditions.append(Where("lookup_key", "in", params["lookup_keys"]))
    if "interval" in params.get("recurring", {}):
        conditions.append(Where("recurring.interval", "eq", params["recurring"]["interval"]))
    return page(
        work,
        "price",
        "/v1/prices",
        params,
        equal=("active", "currency", "product", "type"),
        conditions=conditions,
    )
