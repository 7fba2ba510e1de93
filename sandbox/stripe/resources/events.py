"""Events (https://docs.stripe.com/api/events): what happened, with each event's delivery taken into account."""

from typing import Any

from sandbox.stripe.errors import StripeError
from sandbox.stripe.listing import page
from sandbox.stripe.parameters import PAGE, Boolean, Fields, Items, Text
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

LIST = Fields({**PAGE, "type": Text(200), "types": Items(Text(200), most=20), "delivery_success": Boolean()})


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/events/:id"""
    return _with_pending(work, work.require("event", identifier))


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/events; `type` may end in a wildcard, as in `invoice.*`."""
    if "type" in params and "types" in params:
        raise StripeError("You may only specify one of these parameters: type, types.", param="types")
    conditions = []
    if "type" in params:
        wildcard = "*" in params["type"]
        conditions.append(Where("type", "glob" if wildcard else "eq", params["type"]))
    if params.get("types"):
        conditions.append(Where("type", "in", params["types"]))
    if "delivery_success" in params:
        conditions.append(Where("id", "in", _delivered(work, success=params["delivery_success"])))
    listed = page(work, "event", "/v1/events", params, conditions=conditions)
    listed["data"] = [_with_pending(work, event) for event in listed["data"]]
    return listed


def _delivered(work: Work, *, success: bool) -> list[str]:
    comparison = "=" if success else "<>"
    rows = work.store.connection.execute(
        f"SELECT event_id FROM deliveries WHERE state {comparison} 'delivered'"  # noqa: S608 - two constants
    )
    return [row["event_id"] for row in rows]


def _with_pending(work: Work, event: JsonObject) -> JsonObject:
    row = work.store.connection.execute("SELECT state FROM deliveries WHERE event_id = ?", (event["id"],)).fetchone()
    event["pending_webhooks"] = 0 if row is None or row["state"] == "delivered" else 1
    return event
