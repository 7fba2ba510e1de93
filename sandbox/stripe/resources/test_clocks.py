"""Test clocks (https://docs.stripe.com/api/test_clocks): a customer's own time, which only moves when advanced."""

from typing import Any

from sandbox.stripe.errors import StripeError
from sandbox.stripe.ids import new_id
from sandbox.stripe.listing import page
from sandbox.stripe.parameters import EXPAND, PAGE, Fields, Integer, Text
from sandbox.stripe.resources.periods import after
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import CLOCK, Work

CREATE = Fields({**EXPAND, "frozen_time": Integer(0), "name": Text(300)}, required=("frozen_time",))
ADVANCE = Fields({**EXPAND, "frozen_time": Integer(0)}, required=("frozen_time",))
LIST = Fields({name: parser for name, parser in PAGE.items() if name != "created"})
_LIFETIME = 30 * 24 * 3600
# https://docs.stripe.com/api/test_clocks/advance#advance_test_clock-frozen_time
_INTERVALS = 2
_WITHOUT_SUBSCRIPTIONS = {"interval": "year", "interval_count": 1}


def create(work: Work, params: dict[str, Any]) -> JsonObject:
    """POST /v1/test_helpers/test_clocks"""
    clock = {
        "id": new_id(CLOCK),
        "object": CLOCK,
        "created": work.wall,
        "deletes_after": work.wall + _LIFETIME,
        "frozen_time": params["frozen_time"],
        "livemode": False,
        "name": params.get("name"),
        "status": "ready",
        "status_details": {},
    }
    work.store.insert(CLOCK, clock)
    work.emit("test_helpers.test_clock.created", clock)
    return clock


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/test_helpers/test_clocks/:id"""
    return work.require(CLOCK, identifier)


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/test_helpers/test_clocks"""
    return page(work, CLOCK, "/v1/test_helpers/test_clocks", params)


def advance(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """POST /v1/test_helpers/test_clocks/:id/advance: begins to move; the clock is ready once all of it has happened."""
    clock, target = work.require(CLOCK, identifier), params["frozen_time"]
    if clock["status"] != "ready":
        raise StripeError("This test clock is already advancing; wait until it is ready.", status=429)
    if target <= clock["frozen_time"]:
        raise StripeError("The time to advance to must be after the test clock's current time.", param="frozen_time")
    if target > _farthest(work, clock):
        raise StripeError(
            "Cannot advance a test clock more than two intervals of its shortest subscription at a time "
            "(two years without subscriptions).",
            param="frozen_time",
        )
    clock.update(status="advancing", status_details={"advancing": {"target_frozen_time": target}})
    work.store.save(CLOCK, clock)
    work.emit("test_helpers.test_clock.advancing", clock)
    return clock


def _farthest(work: Work, clock: JsonObject) -> int:
    living = ["active", "trialing", "past_due", "unpaid", "incomplete"]
    conditions = [Where("test_clock", "eq", clock["id"]), Where("status", "in", living)]
    rhythms = [
        item["price"]["recurring"]
        for subscription in work.store.find("subscription", conditions)
        for item in subscription["items"]["data"]
    ]
    now = clock["frozen_time"]
    return min(after(now, rhythm, _INTERVALS) for rhythm in rhythms or [_WITHOUT_SUBSCRIPTIONS])


def moving(work: Work) -> list[JsonObject]:
    """The clocks that are to move."""
    return work.store.find(CLOCK, [Where("status", "eq", "advancing")])


def arrive(work: Work, clock: JsonObject) -> None:
    """The clock shows its target, and everything due by then has happened."""
    target = clock["status_details"]["advancing"]["target_frozen_time"]
    clock.update(frozen_time=target, status="ready", status_details={})
    work.store.save(CLOCK, clock)
    work.emit("test_helpers.test_clock.ready", clock)
