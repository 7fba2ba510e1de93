"""`expand[]`: ids replaced by their objects, and lists that are only shown on request
(https://docs.stripe.com/api/expanding_objects)."""

from collections.abc import Callable
from typing import Any

from sandbox.stripe.errors import StripeError
from sandbox.stripe.ids import kind_of
from sandbox.stripe.listing import slice_page
from sandbox.stripe.resources import invoice_payments, refunds
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

_MAX_DEPTH = 4


def _line_items(work: Work, session: JsonObject) -> JsonObject:
    lines = work.require("checkout_state", session["id"])["lines"]
    return slice_page(lines, f"/v1/checkout/sessions/{session['id']}/line_items", {})


def _refunds(work: Work, charge: JsonObject) -> JsonObject:
    return {**refunds.list_page(work, {"charge": charge["id"]}), "url": f"/v1/charges/{charge['id']}/refunds"}


# Members Stripe leaves out unless asked for.
_ON_REQUEST: dict[tuple[str, str], Callable[[Work, JsonObject], JsonObject]] = {
    ("checkout.session", "line_items"): _line_items,
    ("invoice", "payments"): invoice_payments.of_invoice,
    ("charge", "refunds"): _refunds,
}


def expand(work: Work, obj: JsonObject, paths: list[str]) -> JsonObject:
    """`obj` with every path expanded; lists take paths that start with `data.`. Raises StripeError for a path
    that cannot be expanded."""
    for path in paths:
        parts = path.split(".")
        if len(parts) - (parts[0] == "data") > _MAX_DEPTH:
            raise StripeError(f"You cannot expand more than {_MAX_DEPTH} levels deep: {path}", param="expand")
        _expand(work, obj, parts, path)
    return obj


def _expand(work: Work, node: Any, parts: list[str], path: str) -> None:
    if isinstance(node, list):
        for entry in node:
            _expand(work, entry, parts, path)
    elif isinstance(node, dict):
        value = _expanded(work, node, parts[0], path)
        if parts[1:]:
            _expand(work, value, parts[1:], path)
        elif value is not None and not isinstance(value, dict | list):
            raise _refusal(path)
    elif node is not None:
        raise _refusal(path)


def _expanded(work: Work, node: JsonObject, name: str, path: str) -> Any:
    """The member, in full: computed, looked up, or as it is."""
    on_request = _ON_REQUEST.get((str(node.get("object")), name))
    if on_request is not None and name not in node:
        node[name] = on_request(work, node)
    if name not in node:
        raise _refusal(path)
    kind = kind_of(node[name]) if isinstance(node[name], str) else None
    if kind is not None:
        node[name] = work.store.get(kind, node[name])
    return node[name]


def _refusal(path: str) -> StripeError:
    return StripeError(f"This property cannot be expanded ({path}).", param="expand")
