"""A checkout's rules: every state and verb, and what counts as the order's own money."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.billing.domain import CHECKOUT, Checkout, Proof, Settlement
from shared.kernel import IllegalMove, new_id

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MOVES = {
    ("open", "pay"): "paid",
    ("open", "expire"): "expired",
    ("open", "mismatch"): "mismatched",
    ("expired", "reopen"): "open",
    ("expired", "mismatch"): "mismatched",
    ("paid", "pay"): "paid",
    ("expired", "expire"): "expired",
    ("mismatched", "mismatch"): "mismatched",
}
PROOF = Proof("session", 2700, "EUR", "cus_1", "sub_1")


def a_checkout(status: str = "open", **changes: Any) -> Checkout:
    values: dict[str, Any] = {
        "order_id": new_id("ord"),
        "order_number": "EZ-1",
        "account_id": new_id("acc"),
        "currency": "EUR",
        "total_minor": 2700,
        "lines": [],
        "order_expires_at": NOW + timedelta(hours=12),
        "at": NOW,
    }
    checkout = Checkout.begin(**{**values, **changes})
    checkout.next_session("cus_1", NOW)
    checkout._status = status
    return checkout


@pytest.mark.parametrize("state", CHECKOUT.states)
@pytest.mark.parametrize("verb", CHECKOUT.verbs)
def test_every_state_and_verb_does_what_the_table_says(state: str, verb: str) -> None:
    checkout = a_checkout(state)
    wanted = MOVES.get((state, verb))
    if wanted is None:
        with pytest.raises(IllegalMove):
            checkout._move(verb, at=NOW, by="test")
        assert checkout.status == state
    else:
        assert checkout._move(verb, at=NOW, by="test") is (wanted != state)
        assert checkout.status == wanted


@pytest.mark.parametrize(
    ("proof", "word"),
    [
        (replace(PROOF, amount_minor=2699), "amount"),
        (replace(PROOF, amount_minor=0), "amount"),
        (replace(PROOF, amount_minor=-2700), "amount"),
        (replace(PROOF, amount_minor=270000), "amount"),
        (replace(PROOF, currency="USD"), "currency"),
        (replace(PROOF, currency="eur"), "currency"),
        (replace(PROOF, customer_id="cus_2"), "customer"),
        (replace(PROOF, customer_id=None), "customer"),
    ],
)
def test_money_that_differs_in_anything_is_a_mismatch(proof: Proof, word: str) -> None:
    checkout = a_checkout()
    assert checkout.settle(proof, NOW) is Settlement.MISMATCHED
    assert word in str(checkout.mismatch)
    assert checkout.paid_at is None
    assert checkout.settle(PROOF, NOW) is Settlement.NOTHING_NEW
    assert checkout.status == "mismatched"


def test_a_checkout_without_a_customer_is_paid_by_nobody() -> None:
    checkout = a_checkout()
    checkout.stripe_customer_id = None
    assert checkout.settle(replace(PROOF, customer_id=None), NOW) is Settlement.MISMATCHED


def test_matching_money_pays_once_and_paid_is_absorbing() -> None:
    checkout = a_checkout()
    assert checkout.settle(PROOF, NOW) is Settlement.PAID
    assert checkout.settle(PROOF, NOW) is Settlement.NOTHING_NEW
    assert checkout.settle(replace(PROOF, amount_minor=1), NOW) is Settlement.NOTHING_NEW
    assert not checkout.expire(NOW)
    assert (checkout.status, checkout.paid_at, checkout.stripe_subscription_id) == ("paid", NOW, "sub_1")


def test_an_order_of_nothing_is_settled_by_nothing() -> None:
    checkout = a_checkout(total_minor=0)
    assert checkout.settle(replace(PROOF, amount_minor=0), NOW) is Settlement.PAID


def test_each_session_has_its_own_number_and_a_link_that_ends() -> None:
    checkout = a_checkout()
    checkout.record_session("cs_1", "https://pay/1", NOW + timedelta(hours=1), NOW)
    assert (checkout.attempt, checkout.link_works(NOW)) == (1, True)
    assert not checkout.link_works(NOW + timedelta(minutes=59, seconds=30))
    with pytest.raises(ValueError, match="attempt 1 is cs_1"):
        checkout.record_session("cs_2", "https://pay/2", NOW + timedelta(hours=1), NOW)
    checkout.expire(NOW)
    assert not checkout.link_works(NOW)
    checkout.next_session("cus_1", NOW)
    assert (checkout.attempt, checkout.status, checkout.stripe_session_id) == (2, "open", None)


@pytest.mark.parametrize(
    ("lifetime", "expected"),
    [
        (timedelta(minutes=1), timedelta(minutes=31)),
        (timedelta(hours=12), timedelta(hours=12)),
        (timedelta(days=3), timedelta(hours=23, minutes=59)),
    ],
)
def test_a_session_lives_within_what_stripe_allows(lifetime: timedelta, expected: timedelta) -> None:
    checkout = a_checkout(order_expires_at=NOW + lifetime)
    assert checkout.session_expires_at == NOW + expected
