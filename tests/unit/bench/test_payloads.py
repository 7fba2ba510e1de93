"""The deliveries that the bench sends are what Stripe would send: read and verified by the product's own code."""

import time
from pathlib import Path

import orjson
import pytest

from bench.payloads import Delivery, EventMaker, renewing, request, sign, write_requests
from services.billing.adapters.payments import InvalidSignature
from services.billing.adapters.stripe import SignatureVerifier, readings
from services.billing.api.webhooks import read_event
from shared.kernel import SystemClock

SECRET = "whsec_bench"


def _many(count: int = 3000) -> list[Delivery]:
    return list(EventMaker("unit00").deliveries(count, SECRET))


def _verifier() -> SignatureVerifier:
    return SignatureVerifier((SECRET,), SystemClock())


def test_genuine_deliveries_pass_the_products_verifier_and_forgeries_do_not() -> None:
    verifier = _verifier()
    deliveries = _many()
    assert {delivery.kind for delivery in deliveries} == {"new", "again", "forged"}
    for delivery in deliveries:
        if delivery.kind == "forged":
            with pytest.raises(InvalidSignature):
                verifier.verify(delivery.event.body, delivery.signature)
        else:
            verifier.verify(delivery.event.body, delivery.signature)


def test_a_signature_of_another_time_is_refused() -> None:
    old = sign(b"{}", SECRET, int(time.time()) - 3600)
    with pytest.raises(InvalidSignature):
        _verifier().verify(b"{}", old)


def test_every_event_is_read_as_what_the_maker_says_it_is() -> None:
    for delivery in _many(600):
        event = delivery.event
        read = read_event(event.body)
        assert (read.id, read.type, read.object_id) == (event.id, event.type, event.object_id)
        assert read.api_version is not None
        assert read.api_version.endswith(readings.API_RELEASE)


def test_new_events_differ_and_repeats_repeat_the_very_bytes() -> None:
    deliveries = _many()
    new = {delivery.event.id: delivery.event.body for delivery in deliveries if delivery.kind == "new"}
    assert len(new) == sum(1 for delivery in deliveries if delivery.kind == "new")
    repeats = [delivery for delivery in deliveries if delivery.kind == "again"]
    assert all(new[delivery.event.id] == delivery.event.body for delivery in repeats)


def test_shares_are_about_a_tenth_repeats_and_a_hundredth_forgeries() -> None:
    kinds = [delivery.kind for delivery in _many(10_000)]
    assert 0.08 < kinds.count("again") / len(kinds) < 0.12
    assert 0.005 < kinds.count("forged") / len(kinds) < 0.015


def test_bodies_weigh_what_stripes_do() -> None:
    sizes = [len(delivery.event.body) for delivery in _many(600)]
    assert min(sizes) > 3_000
    assert max(sizes) < 6_000


def test_two_runs_share_no_event() -> None:
    first = {delivery.event.id for delivery in EventMaker("unit01").deliveries(500, SECRET)}
    second = {delivery.event.id for delivery in EventMaker("unit02").deliveries(500, SECRET)}
    assert not first & second


def test_renewals_are_about_the_given_payers_alone_and_readable() -> None:
    payers = renewing(5)
    customers = {payer.customer for payer in payers}
    kinds = set()
    for delivery in EventMaker("unit03", payers=payers).deliveries(200, SECRET):
        item = orjson.loads(delivery.event.body)["data"]["object"]
        kinds.add(delivery.event.type)
        if delivery.event.type == "invoice.paid":
            fact = readings.read_invoice(item)
            assert fact.reason == "subscription_cycle"
            assert fact.subscription_id in {payer.subscription for payer in payers}
            assert fact.customer_id in customers
        else:
            assert readings.read_subscription(item).customer_id in customers
    assert kinds == {"invoice.paid", "customer.subscription.updated"}


def test_a_run_name_of_another_length_would_change_the_ids_length_and_is_refused() -> None:
    with pytest.raises(ValueError, match="six"):
        EventMaker("short")


def test_a_request_declares_exactly_its_body() -> None:
    delivery = _many(1)[0]
    head, _, body = request(delivery).partition(b"\r\n\r\n")
    assert body == delivery.event.body
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Stripe-Signature: " + delivery.signature in head


def test_the_replay_file_can_be_cut_into_its_requests(tmp_path: Path) -> None:
    target = tmp_path / "requests"
    deliveries = _many(50)
    counts = write_requests(target, iter(deliveries))
    data, found = target.read_bytes(), []
    while data:
        length = int(data[:7])
        found.append(data[7 : 7 + length])
        data = data[7 + length :]
    assert found == [request(delivery) for delivery in deliveries]
    assert sum(counts.values()) == 50
