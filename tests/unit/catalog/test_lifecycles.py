"""Every (state, verb) pair of catalog's three lifecycles, told row by row, against what the domain does."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.catalog.domain import ENTITLEMENT, ORDER, PLAN, Entitlement, Order, Plan, Product
from shared.kernel import IllegalMove, Lifecycle, new_id

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

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
        "granted": {"activate": "active", "fail": "delayed", "end": "ended"},
        "delayed": {"activate": "active", "fail": "=", "end": "ended"},
        "active": {"activate": "=", "fail": "=", "end": "ended"},
        "ended": {"activate": "=", "fail": "=", "end": "="},
    },
}


def _order() -> Order:
    order = Order(currency="EUR", total_minor=100)
    order._begin(at=NOW, by="test")
    return order


def _plan() -> Plan:
    return Plan.draft(Product.new("vps", "Servers"), "vps-s", "VPS S", at=NOW, by="test")


def _entitlement() -> Entitlement:
    ids = {"order_id": new_id("ord"), "item_id": new_id("itm"), "account_id": new_id("acc")}
    return Entitlement.grant(**ids, ordinal=1, hostname="web", at=NOW, by="test")


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
