"""Cursor pagination as Stripe does it (https://docs.stripe.com/api/pagination): newest first."""

from collections.abc import Sequence
from typing import Any

from sandbox.stripe.errors import StripeError
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

_DEFAULT_LIMIT = 10


def page(
    work: Work,
    kind: str,
    url: str,
    params: dict[str, Any],
    *,
    equal: Sequence[str] = (),
    conditions: Sequence[Where] = (),
) -> JsonObject:
    """A `list` object of stored objects. `equal` names parameters that must equal the field of the same name;
    `created` and the cursors in `params` apply to every list."""
    after, before = params.get("starting_after"), params.get("ending_before")
    if after is not None and before is not None:
        raise StripeError("You can only use one of `starting_after` and `ending_before`.", param="ending_before")
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor is not None:
            work.require(kind, cursor, name)
    limit = params.get("limit", _DEFAULT_LIMIT)
    wanted = [
        *conditions,
        *(Where(name, "eq", params[name]) for name in equal if name in params),
        *(Where("created", operator, value) for operator, value in params.get("created", {}).items()),
    ]
    found = work.store.find(kind, wanted, limit=limit + 1, older_than=after, newer_than=before)
    has_more = len(found) > limit
    if has_more:
        # Reading upwards, the surplus object is the newest one.
        found = found[1:] if before is not None else found[:limit]
    return as_list(found, url, has_more=has_more)


def slice_page(objects: Sequence[JsonObject], url: str, params: dict[str, Any]) -> JsonObject:
    """A `list` object over objects already in hand, in their own order (line items)."""
    after, before = params.get("starting_after"), params.get("ending_before")
    limit = params.get("limit", _DEFAULT_LIMIT)
    identifiers = [obj["id"] for obj in objects]
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor is not None and cursor not in identifiers:
            raise StripeError(f"No such line item: '{cursor}'", code="resource_missing", param=name)
    if before is not None:
        rest = list(objects[: identifiers.index(before)])
        return as_list(rest[-limit:], url, has_more=len(rest) > limit)
    rest = list(objects[identifiers.index(after) + 1 :] if after is not None else objects)
    return as_list(rest[:limit], url, has_more=len(rest) > limit)


def as_list(objects: Sequence[JsonObject], url: str, *, has_more: bool = False) -> JsonObject:
    """Stripe's list envelope."""
    return {"object": "list", "data": list(objects), "has_more": has_more, "url": url}
