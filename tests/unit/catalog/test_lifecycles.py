"""Every (state, verb) pair of catalog's three lifecycles, told row by row, against what the domain does."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.catalog.domain import ENTITLEMENT, ORDER, PLAN, Described, Entitlement, Order, OrderItem, Plan, PlanGroup
from shared.kernel import IllegalMove, Lifecycle, new_id

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

# fmt: off
# state → verb → the state after it; "=" is a repeat that changes nothing; what is missing is refused.
EXPECTED: dict[str, dict[str, dict[str, str]]] = {
    "order": {
        "awaiting_payment": {"pay": "paid", "cancel": "canceled", "expire": "expired", "hold": "under_review"},
        "under_review": {"pay": "paid", "hold": "="},
        "paid": {"pay": "=", "fulfill": "fulfilled"},
        "fulfilled": {"pay": "=", "fulfill": "="},
        "canceled": {"cancel": "=", "hold": "under_review"},
        "expired": {"expire": "=", "hold": "under_review"},
    },
    "plan": {
        "draft": {"publish": "published"},
        "published": {"publish": "=", "retire": "retired"},
        "retired": {"retire": "="},
    },
    "entitlement": {
        "granted": {
            "activate": "active", "fail": "delayed", "suspend": "suspended", "resume_waiting": "=", "change": "granted",
            "end": "ended", "restore_waiting": "=",
        },
        "delayed": {
            "activate": "active", "fail": "=", "suspend": "suspended", "resume_waiting": "=", "change": "delayed",
            "end": "ended", "restore_waiting": "=",
        },
        "active": {
            "activate": "=", "fail": "=", "suspend": "suspended", "resume": "=", "change": "active", "end": "ended",
            "restore": "=",
        },
        "suspended": {
            "activate": "=", "fail": "=", "suspend": "=", "resume": "active", "resume_waiting": "granted",
            "change": "suspended", "end": "ended",
        },
        "ended": {
            "activate": "=", "fail": "=", "end": "=", "restore": "active", "restore_waiting": "granted",
        },
    },
}
# fmt: on


def _order() -> Order:
    order = Order(currency="EUR", total_minor=100)
    order._begin(at=NOW, by="test")
    return order


def _plan() -> Plan:
    return Plan.draft(PlanGroup.new("vps", "Servers"), "vps", "vps-s", "VPS S", at=NOW, by="test")


def _entitlement() -> Entitlement:
    described = Described("web", "VPS S · web", {"hostname": "web"}, [], [("web", {"hostname": "web"})])
    plan = _plan()
    price = plan.add_price("EUR", "month", 100, 0, at=NOW, by="test")
    item = OrderItem.of(plan, price, quantity=1, described=described)
    return Entitlement.grant(item, 1, order_id=new_id("ord"), account_id=new_id("acc"), at=NOW, by="test")


THINGS: dict[str, tuple[Lifecycle, Any]] = {
    "order": (ORDER, _order),
    "plan": (PLAN, _plan),
    "entitlement": (ENTITLEMENT, _entitlement),
}
PAIRS = [
    (name, state, verb)
    for name, (lifecycle, _make) in THINGS.items()
    for state in lifecycle.states
    for verb in lifecycle.verbs
]


@pytest.mark.parametrize(("name", "state", "verb"), PAIRS)
def test_every_verb_in_every_state_does_what_the_table_says(name: str, state: str, verb: str) -> None:
    thing = THINGS[name][1]()
    thing._status = state
    version = thing.version
    expected = EXPECTED[name][state].get(verb)
    if expected is None:
        with pytest.raises(IllegalMove):
            thing._move(verb, at=NOW, by="test")
        assert (thing.status, thing.version) == (state, version)
    elif expected == "=":
        assert thing._move(verb, at=NOW, by="test") is False
        assert (thing.status, thing.version) == (state, version)
    else:
        assert thing._move(verb, at=NOW, by="test") is True
        assert (thing.status, thing.version) == (expected, version + 1)


@pytest.mark.parametrize("name", THINGS)
def test_the_table_names_every_state(name: str) -> None:
    assert set(EXPECTED[name]) == set(THINGS[name][0].states)
