"""Customers (https://docs.stripe.com/api/customers)."""

from typing import Any

from sandbox.stripe.errors import StripeError, missing_resource
from sandbox.stripe.ids import new_id, token
from sandbox.stripe.listing import page
from sandbox.stripe.parameters import EXPAND, PAGE, Choice, Email, Fields, Items, Metadata, Parser, Text, merge_metadata
from sandbox.stripe.resources import payment_methods, subscriptions
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import CLOCK, Work

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
CREATE = Fields({**_WRITABLE, "test_clock": Text()})
UPDATE = Fields({**_WRITABLE, "invoice_settings": Fields({"default_payment_method": Text()})})
LIST = Fields({**PAGE, "email": Email(), "test_clock": Text()})
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
    if "invoice_settings" in changes:
        changes["invoice_settings"] = {**customer["invoice_settings"], **changes["invoice_settings"]}
    if "address" in changes:
        changes["address"] = {**(customer["address"] or _EMPTY_ADDRESS), **changes["address"]}
    return changes


def create(work: Work, params: dict[str, Any]) -> JsonObject:
    """POST /v1/customers"""
    if "test_clock" in params:
        work.require(CLOCK, params["test_clock"], "test_clock")
    return build(work, **params)


def require(work: Work, identifier: str, param: str = "id") -> JsonObject:
    """The customer. Raises `resource_missing` for one that was deleted, as for one that never was."""
    customer = work.require("customer", identifier, param)
    if customer.get("deleted"):
        raise missing_resource("customer", identifier, param)
    return customer


def delete(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """DELETE /v1/customers/:id: every subscription ends at once."""
    customer = require(work, identifier)
    at = work.of_customer(identifier)
    living = [Where("customer", "eq", identifier), Where("status", "in", list(subscriptions.LIVING))]
    for subscription in work.store.find("subscription", living):
        subscriptions.end(at, subscription, "cancellation_requested")
    work.emit("customer.deleted", customer)
    work.store.save("customer", {**customer, "deleted": True})
    return {"id": identifier, "object": "customer", "deleted": True}


def lock_currency(work: Work, customer: JsonObject, currency: str) -> None:
    """A customer with a living subscription in one currency is billed in no other
    (https://docs.stripe.com/invoicing/multi-currency-customers)."""
    living = [Where("customer", "eq", customer["id"]), Where("status", "in", list(subscriptions.LIVING))]
    for subscription in work.store.find("subscription", living):
        if subscription["currency"] != currency:
            raise StripeError(
                "You cannot combine currencies on a single customer. This customer has an active subscription, "
                f"subscription schedule, discount, quote, or invoice item with currency {subscription['currency']}"
            )
    if customer["currency"] is None:
        save_changes(work, customer, {"currency": currency})


def usable_method(work: Work, customer: JsonObject, identifier: str) -> JsonObject:
    """A payment method of the customer's; Stripe's test tokens (`pm_card_visa`) are attached as they are used."""
    if identifier in payment_methods.TOKENS:
        return payment_methods.build(work, payment_methods.TOKENS[identifier], customer["id"], customer["email"])
    method = work.require("payment_method", identifier, "default_payment_method")
    if method["customer"] != customer["id"]:
        raise StripeError(
            f"The customer does not have a payment method with the ID {identifier}. The payment method must be "
            "attached to the customer.",
            code="resource_missing",
            param="default_payment_method",
        )
    return method


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/customers/:id: of one that was deleted, only that."""
    customer = work.require("customer", identifier)
    if customer.get("deleted"):
        return {"id": identifier, "object": "customer", "deleted": True}
    return customer


def update(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """POST /v1/customers/:id"""
    customer = require(work, identifier)
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
    """GET /v1/customers: those on a test clock only when asked for by their clock."""
    conditions = [Where("deleted", "is", None), Where("test_clock", "is", params.get("test_clock"))]
    return page(work, "customer", "/v1/customers", params, equal=("email",), conditions=conditions)
