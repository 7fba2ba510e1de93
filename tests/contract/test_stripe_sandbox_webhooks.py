"""Webhooks: signed as Stripe signs, retried, duplicated, shuffled and forged on demand."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
import stripe

from tests.support.stripe_sandbox import (
    WEBHOOK_SECRET,
    Received,
    RunningSandbox,
    eventually,
    receiver,
    running_sandbox,
    subscription_session,
)


def verified(entry: Received, tolerance: int | None = 300) -> bool:
    """Whether the official SDK accepts the signature over the raw bytes."""
    try:
        stripe.WebhookSignature.verify_header(entry.body, entry.signature, WEBHOOK_SECRET, tolerance)
    except stripe.SignatureVerificationError:
        return False
    return True


async def deliveries(sandbox: RunningSandbox, **wanted: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await sandbox.control.get("/_sandbox/deliveries", params=wanted)).json()["data"]
    return listed


async def test_every_event_arrives_signed_over_its_raw_bytes() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        session = await subscription_session(sandbox)
        await sandbox.pay(session.id)
        types = await sandbox.event_types()
        await eventually(lambda: len(target.received) >= len(types))
        assert sorted(target.types()) == sorted(types)
        assert all(verified(entry) for entry in target.received)
        for entry in target.received:
            event = stripe.Webhook.construct_event(entry.body, entry.signature, WEBHOOK_SECRET)
            assert event.data.object["id"] == entry.event["data"]["object"]["id"]
        listed = await sandbox.stripe.v1.events.list_async({"limit": 100})
        assert {event.pending_webhooks for event in listed.data} == {0}


async def test_a_failing_receiver_is_tried_again_until_it_accepts() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        target.answer = lambda _entry: 503 if len(target.received) < 3 else 200
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await eventually(lambda: len(target.received) == 3)
        await asyncio.sleep(0.1)
        assert len({entry.event["id"] for entry in target.received}) == 1
        assert len({entry.body for entry in target.received}) == 1
        [delivery] = await deliveries(sandbox)
        assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("delivered", 3, 200)
        assert [entry["status"] for entry in delivery["log"]] == [503, 503, 200]


async def test_a_receiver_that_never_accepts_exhausts_the_schedule() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        target.answer = lambda _entry: 302
        customer = await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await eventually(lambda: len(target.received) == 4)
        await asyncio.sleep(0.3)
        assert len(target.received) == 4
        [delivery] = await deliveries(sandbox, state="exhausted")
        undelivered = await sandbox.stripe.v1.events.list_async({"delivery_success": False})
        assert [event.data.object["id"] for event in undelivered.data] == [customer.id]
        target.answer = lambda _entry: 200
        await sandbox.control.post(f"/_sandbox/events/{delivery['event_id']}/resend", json={})
        assert (await deliveries(sandbox))[0]["state"] == "delivered"


async def test_an_unreachable_receiver_is_recorded_as_an_error() -> None:
    async with running_sandbox(webhook_url="http://127.0.0.1:1/nobody", retry_schedule=()) as sandbox:
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        for _ in range(100):
            if await deliveries(sandbox, state="exhausted"):
                break
            await asyncio.sleep(0.02)
        [delivery] = await deliveries(sandbox, state="exhausted")
        assert delivery["last_status"] is None
        assert "Connect" in delivery["last_error"]


async def test_paused_deliveries_wait_and_then_arrive() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        await sandbox.faults(webhooks={"paused": True})
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await asyncio.sleep(0.3)
        assert target.received == []
        await sandbox.faults(webhooks={"paused": False})
        await eventually(lambda: len(target.received) == 1)


async def test_duplicates_share_an_event_and_are_each_valid() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        await sandbox.faults(webhooks={"duplicates": 5})
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await eventually(lambda: len(target.received) == 5)
        assert Counter(entry.event["id"] for entry in target.received).most_common(1)[0][1] == 5
        assert all(verified(entry) for entry in target.received)


@pytest.mark.parametrize("shuffle", [True, False])
async def test_deliveries_keep_their_order_unless_shuffled(shuffle: bool) -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url, delivery_concurrency=1) as sandbox:
        await sandbox.faults(webhooks={"shuffle": shuffle})
        session = await subscription_session(sandbox)
        await sandbox.pay(session.id)
        types = await sandbox.event_types()
        await eventually(lambda: len(target.received) == len(types))
        assert sorted(target.types()) == sorted(types)
        assert (target.types() != types) is shuffle


async def test_a_delay_holds_deliveries_back() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        await sandbox.faults(webhooks={"delay_seconds": 0.4})
        started = time.monotonic()
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await eventually(lambda: len(target.received) == 1)
        assert time.monotonic() - started >= 0.4


async def test_a_withheld_event_is_never_sent_but_can_be_fetched() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        await sandbox.faults(webhooks={"withhold": 1})
        lost = await sandbox.stripe.v1.customers.create_async({"name": "Lost"})
        await sandbox.stripe.v1.customers.create_async({"name": "Found"})
        await eventually(lambda: len(target.received) == 1)
        await asyncio.sleep(0.2)
        assert [entry.event["data"]["object"]["name"] for entry in target.received] == ["Found"]
        events = await sandbox.stripe.v1.events.list_async({"delivery_success": False})
        assert [event.data.object["id"] for event in events.data] == [lost.id]


@pytest.mark.parametrize("concurrent", [True, False])
async def test_an_event_can_be_resent_many_times(concurrent: bool) -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await eventually(lambda: len(target.received) == 1)
        event_id = target.received[0].event["id"]
        answer = await sandbox.control.post(
            f"/_sandbox/events/{event_id}/resend", json={"times": 20, "concurrent": concurrent}
        )
        assert [attempt["status"] for attempt in answer.json()["attempts"]] == [200] * 20
        assert len(target.received) == 21
        assert all(verified(entry) for entry in target.received)


@pytest.mark.parametrize(
    "forgery",
    [
        "wrong_secret",
        "missing_header",
        "empty_header",
        "only_v0",
        "garbage_timestamp",
        "stale_timestamp",
        "tampered_body",
    ],
)
async def test_a_forgery_is_not_accepted_by_the_official_verifier(forgery: str) -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        target.answer = lambda entry: 200 if verified(entry) else 400
        await sandbox.faults(webhooks={"forge": [forgery]})
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await eventually(lambda: len(target.received) == 2)
        forged, genuine = target.received
        assert (verified(forged), verified(genuine)) == (False, True)
        await asyncio.sleep(0.1)
        [delivery] = await deliveries(sandbox)
        assert delivery["state"] == "delivered"
        assert [(entry["kind"], entry["status"]) for entry in delivery["log"]] == [("forged", 400), ("scheduled", 200)]


async def test_an_event_of_the_other_mode_is_validly_signed() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        target.answer = lambda entry: 400 if entry.event["livemode"] else 200
        await sandbox.faults(webhooks={"forge": ["wrong_mode"]})
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await eventually(lambda: len(target.received) == 2)
        other, genuine = target.received
        assert (verified(other), verified(genuine)) == (True, True)
        assert (other.event["livemode"], genuine.event["livemode"]) == (True, False)
        assert other.event["id"] == genuine.event["id"]


async def test_a_timestamp_from_the_future_is_an_hour_ahead() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await eventually(lambda: len(target.received) == 1)
        event_id = target.received[0].event["id"]
        await sandbox.control.post(f"/_sandbox/events/{event_id}/resend", json={"forge": "future_timestamp"})
        # The SDK lets it pass; refusing it is the receiver's own duty.
        assert verified(target.received[-1])
        stamp = int(str(target.received[-1].signature).split(",")[0].removeprefix("t="))
        assert stamp > time.time() + 3500


async def test_deliveries_run_at_once_but_bounded() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url, delivery_concurrency=4) as sandbox:
        target.delay = 0.05
        await asyncio.gather(*(sandbox.stripe.v1.customers.create_async({"name": str(n)}) for n in range(20)))
        await eventually(lambda: len(target.received) == 20)
        assert 1 < target.busiest <= 4


async def test_a_receiver_that_takes_too_long_has_failed() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url, delivery_timeout_seconds=0.1) as sandbox:
        target.delay = 0.3
        await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        await eventually(lambda: len(target.received) == 1)
        target.delay = 0.0
        await eventually(lambda: len(target.received) == 2)
        await asyncio.sleep(0.1)
        [delivery] = await deliveries(sandbox)
        assert [entry["status"] for entry in delivery["log"]] == [None, 200]
        assert "Timeout" in delivery["log"][0]["error"]


async def test_an_advanced_clock_does_not_spoil_signatures() -> None:
    async with receiver() as target, running_sandbox(webhook_url=target.url) as sandbox:
        await sandbox.control.post("/_sandbox/clock", json={"advance_seconds": 86_400})
        made = await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
        assert made.created > time.time() + 80_000
        await eventually(lambda: len(target.received) == 1)
        assert verified(target.received[0])
