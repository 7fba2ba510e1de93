"""Reading Stripe's JSON: what is there is read, what is missing is named, and nothing else ever escapes."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.adapters.stripe import API_VERSION, balance_readings, readings
from services.billing.adapters.stripe.json_object import moment
from services.billing.api.webhooks import _Refused, read_event
from services.billing.domain.facts import SessionFact
from shared.database import FailureClass, HandlingFailed
from shared.kernel import decode_id, new_id
from tests.support.stripe_payloads import (
    charge,
    credit_note,
    dispute,
    encoded,
    event,
    failed_intent,
    invoice,
    refund,
    session,
    subscription,
)

READERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "session": (readings.read_session, session()),
    "invoice": (readings.read_invoice, invoice(status="paid")),
    "subscription": (readings.read_subscription, subscription()),
    "charge": (readings.read_charge, charge()),
    "dispute": (balance_readings.read_dispute, dispute()),
    "refund": (balance_readings.read_refund, refund()),
    "credit_note": (balance_readings.read_credit_note, credit_note()),
    "intent": (lambda raw: readings.read_failed_intent(raw, moment(1)), failed_intent()),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_our_readings_are_for_the_release_the_sdk_speaks() -> None:
    assert API_VERSION.endswith(f".{readings.API_RELEASE}")


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_a_damaged_object_is_read_or_refused_for_good_and_nothing_else(kind: str, data: st.DataObject) -> None:
    reader, good = READERS[kind]
    damaged = dict(good)
    for name in data.draw(st.lists(st.sampled_from(sorted(good)), max_size=3)):
        damaged[name] = data.draw(JSON)
    with contextlib.suppress(HandlingFailed):
        reader(damaged)


def test_what_cannot_be_read_once_cannot_be_read_ever() -> None:
    with pytest.raises(HandlingFailed) as caught:
        readings.read_invoice({"id": "in_1"})
    assert caught.value.failure is FailureClass.PERMANENT


@pytest.mark.parametrize("raw", [None, [], "x", 1, {}])
@pytest.mark.parametrize("kind", READERS)
def test_what_is_no_object_is_refused(kind: str, raw: object) -> None:
    with pytest.raises(HandlingFailed, match="unreadable"):
        READERS[kind][0](raw)


def test_a_session_names_our_checkout_by_reference_or_metadata_and_only_by_a_wellformed_id() -> None:
    ours = new_id("chk")

    def hint(**changes: Any) -> str | None:
        fact: SessionFact = readings.read_session(session(**changes))
        return fact.checkout_hint

    assert hint(client_reference_id=ours) == ours
    assert hint(metadata={"checkout_id": ours}) == ours
    assert hint(client_reference_id=new_id("ord")) is None
    assert hint(metadata={"checkout_id": "chk_' OR 1=1"}) is None
    assert hint(metadata={"checkout_id": {"a": 1}}) is None


@pytest.mark.parametrize(
    ("status", "payment_status", "settled"),
    [
        ("complete", "paid", True),
        ("complete", "no_payment_required", True),
        ("complete", "unpaid", False),
        ("open", "unpaid", False),
        ("open", "paid", False),
        ("expired", "unpaid", False),
    ],
)
def test_only_a_complete_session_without_anything_left_to_pay_is_settled(
    status: str, payment_status: str, settled: bool
) -> None:
    fact = readings.read_session(session(status=status, payment_status=payment_status))
    assert fact.settled is settled


def test_expanded_objects_are_read_by_their_id() -> None:
    fact = readings.read_session(session(customer={"id": "cus_1", "object": "customer"}))
    assert fact.customer_id == "cus_1"


@given(st.binary(max_size=200) | JSON.map(lambda value: encoded({"object": "event", "id": value})))
def test_no_body_makes_intake_stumble(body: bytes) -> None:
    with pytest.raises(_Refused):
        read_event(body)


def test_an_event_about_an_order_is_in_the_orders_trace_and_any_other_in_the_one_it_came_with() -> None:
    order_id, strange = new_id("ord"), "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

    def trace(metadata: object) -> str:
        made = event("checkout.session.completed", {"id": "cs_1", "metadata": metadata})
        return str(read_event(encoded(made), strange.encode()).trace)[3:35]

    assert trace({"order_id": order_id}) == decode_id("ord", order_id).hex
    for other in ({}, None, [], {"order_id": 7}, {"order_id": "ord_x"}, {"order_id": new_id("acc")}):
        assert trace(other) == "a" * 32


def test_an_event_is_read_by_its_few_fields() -> None:
    made = event("invoice.paid", {"id": "in_1"}, created=1_700_000_000)
    body = encoded(made)
    read = read_event(body)
    assert (read.id, read.type, read.object_id, read.livemode) == (made["id"], "invoice.paid", "in_1", False)
    assert read.created.timestamp() == 1_700_000_000
