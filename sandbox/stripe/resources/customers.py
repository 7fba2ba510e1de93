"""Customers (https://docs.stripe.com/api/customers)."""

from typing import Any

from sandbox.stripe.ids import new_id, token
from sandbox.stripe.listing import page
from sandbox.stripe.parameters import EXPAND, PAGE, Choice, Email, Fields, Items, Metadata, Parser, Text, merge_metadata
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

_ADDRESS = Fields({name: Text(clears=True) for name in ("city", "country", "line1", "line2", "postal_code", "state")})
_WRITABLE: dict[str, Parser] = {
    **EXPAND,
    "address": _ADDRESS,
    "description": Text(clears=True),
    "email": Email(),
    "metadata": Metadata(),
    "name": Text(256, clears=True),
    "phone": Text(20, clears=True),
    "preferred_locales": Items(Text(20)),
    "tax_exempt": Choice(("none", "exempt", "reverse")),
}
CREATE = Fields(_WRITABLE)
UPDATE = Fields(_WRITABLE)
LIST = Fields({**PAGE, "email": Email()})
_EMPTY_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def build(work: Work, **given: Any) -> JsonObject:
    """A stored customer with the given fields, announced as `customer.created`."""
    customer: JsonObject = {
        "id": new_id("customer"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": work.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": token(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    customer.update(_changes(customer, given))
    work.store.insert("customer", customer)
    work.emit("customer.created", customer)
    return customer


def _changes(customer: JsonObject, given: dict[str, Any]) -> dict[str, Any]:
    changes = {name: value for name, value in given.items() if name != "expand"}
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(customer["metadata"], changes["metadata"])
    if "address" in changes:
        changes["address"] = {**(customer["address"] or _EMPTY_ADDRESS), **changes["address"]}
    return changes


def create(work: Work, params: dict[str, Any]) -> JsonObject:
    """POST /v1/customers"""
    return build(work, **params)


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/customers/:id"""
    return work.require("customer", identifier)


def update(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """POST /v1/customers/:id"""
    customer = work.require("customer", identifier)
    return save_changes(work, customer, _changes(customer, params))


def save_changes(work: Work, customer: JsonObject, changes: dict[str, Any]) -> JsonObject:
    """Stores what differs and announces it as `customer.updated`."""
    previous = {name: customer[name] for name, value in changes.items() if customer[name] != value}
    if previous:
        customer.update(changes)
        work.store.save("customer", customer)
        work.emit("customer.updated", customer, previous)
    return customer


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/customers"""
    return page(work, "customer", "/v1/customers", params, equal=("email",))
