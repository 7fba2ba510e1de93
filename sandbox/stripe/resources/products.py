"""Products (https://docs.stripe.com/api/products)."""

from typing import Any

from sandbox.stripe.errors import StripeError
from sandbox.stripe.ids import new_id
from sandbox.stripe.listing import page
from sandbox.stripe.parameters import (
    EXPAND,
    PAGE,
    Boolean,
    Fields,
    Items,
    Metadata,
    Text,
    Url,
    merge_metadata,
)
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

_WRITABLE = {
    **EXPAND,
    "active": Boolean(),
    "description": Text(40000, clears=True),
    "images": Items(Url(), most=8),
    "marketing_features": Items(Fields({"name": Text(80)}, required=("name",)), most=15),
    "metadata": Metadata(),
    "name": Text(),
    "statement_descriptor": Text(22),
    "unit_label": Text(12, clears=True),
    "url": Url(),
}
CREATE = Fields({**_WRITABLE, "id": Text(255)}, required=("name",))
UPDATE = Fields({**_WRITABLE, "default_price": Text()})
LIST = Fields({**PAGE, "active": Boolean(), "ids": Items(Text())})


def build(work: Work, given: dict[str, Any]) -> JsonObject:
    """A stored product, announced as `product.created`."""
    identifier = given.get("id") or new_id("product")
    if work.store.get("product", identifier) is not None:
        raise StripeError(f"Product already exists: {identifier}", code="resource_already_exists", param="id")
    product = {
        "id": identifier,
        "object": "product",
        "active": given.get("active", True),
        "created": work.now,
        "default_price": None,
        "description": given.get("description"),
        "images": given.get("images", []),
        "livemode": False,
        "marketing_features": given.get("marketing_features", []),
        "metadata": merge_metadata({}, given.get("metadata", {})),
        "name": given["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": given.get("statement_descriptor"),
        "tax_code": None,
        "type": "service",
        "unit_label": given.get("unit_label"),
        "updated": work.now,
        "url": given.get("url"),
    }
    work.store.insert("product", product)
    work.emit("product.created", product)
    return product


def create(work: Work, params: dict[str, Any]) -> JsonObject:
    """POST /v1/products"""
    return build(work, params)


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/products/:id"""
    return work.require("product", identifier)


def update(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """POST /v1/products/:id"""
    product = work.require("product", identifier)
    changes = {name: value for name, value in params.items() if name != "expand"}
    if "default_price" in changes:
        work.require("price", changes["default_price"], "default_price")
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(product["metadata"], changes["metadata"])
    previous = {name: product[name] for name, value in changes.items() if product[name] != value}
    if previous:
        previous["updated"] = product["updated"]
        product.update(changes, updated=work.now)
        work.store.save("product", product)
        work.emit("product.updated", product, previous)
    return product


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/products"""
    chosen = [Where("id", "in", params["ids"])] if params.get("ids") else []
    return page(work, "product", "/v1/products", params, equal=("active",), conditions=chosen)
