"""What webhook intake refuses: unsigned, stale, altered, encoded, too large, and what is no event."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.billing.conftest import Billing
from tests.api.billing.deliveries import an_event, assert_problem, post
from tests.support.live import listening
from tests.support.stripe_payloads import encoded, event, signature, signed


def _bad_headers(body: bytes) -> dict[str, dict[str, str]]:
    good = signed(body)["Stripe-Signature"]
    moment, mark = good.split(",")
    return {
        "wrong secret": {"Stripe-Signature": signed(body, secret="whsec_other")["Stripe-Signature"]},
        "no header": {},
        "empty header": {"Stripe-Signature": ""},
        "only v0": {"Stripe-Signature": f"{moment},{signature(body, scheme='v0')}"},
        "garbage t": {"Stripe-Signature": f"t=soon,{mark}"},
        "no t": {"Stripe-Signature": mark},
        "two t": {"Stripe-Signature": f"{good},t=1"},
        "empty v1": {"Stripe-Signature": f"{moment},v1="},
        "beyond ascii": {"Stripe-Signature": f"{moment},v1=é".encode("latin-1").decode("latin-1")},
        "very long": {"Stripe-Signature": good + ",v1=0" * 2000},
        "signed with nothing": {"Stripe-Signature": signed(body, secret="")["Stripe-Signature"]},
    }


@pytest.mark.fault(3)
@pytest.mark.parametrize("kind", sorted(_bad_headers(b"")))
async def test_a_delivery_without_a_valid_signature_is_refused(billing: Billing, kind: str) -> None:
    body = encoded(an_event())
    headers = {name: value.encode("latin-1") for name, value in _bad_headers(body)[kind].items()}
    answer = await billing.client.post("/webhooks/stripe", content=body, headers=headers)
    assert_problem(answer, 400, "invalid-signature")
    assert await billing.count("stripe_events") == 0


@pytest.mark.fault(6)
@pytest.mark.parametrize("seconds", [-3600, -301, 301, 3600], ids=["hour old", "stale", "ahead", "hour ahead"])
async def test_a_signature_from_another_time_is_refused(billing: Billing, seconds: int) -> None:
    body = encoded(an_event())
    answer = await post(billing, body, signed(body, at=billing.clock.now().timestamp() + seconds))
    assert_problem(answer, 400, "invalid-signature")
    assert await billing.count("stripe_events") == 0


@pytest.mark.fault(6)
@pytest.mark.parametrize("seconds", [-290, 290])
async def test_a_signature_within_five_minutes_is_accepted(billing: Billing, seconds: int) -> None:
    body = encoded(an_event())
    answer = await post(billing, body, signed(body, at=billing.clock.now().timestamp() + seconds))
    assert answer.status_code == 200


@pytest.mark.fault(7)
@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"\n  ", b""),
        lambda body: body.replace(b"cus_1", b"cus_2"),
        lambda body: body + b"\n",
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body[:-1],
        lambda body: b"",
        lambda body: b"\xff" + body,
    ],
    ids=["re-serialised", "one byte", "trailing newline", "byte order mark", "cut", "empty", "not utf-8"],
)
async def test_a_body_that_is_not_the_signed_bytes_is_refused(billing: Billing, change: Any) -> None:
    body = encoded(an_event())
    answer = await post(billing, change(body), signed(body))
    assert_problem(answer, 400, "invalid-signature")
    assert await billing.count("stripe_events") == 0


@pytest.mark.fault(7)
async def test_an_encoded_body_is_refused(billing: Billing) -> None:
    body = encoded(an_event())
    answer = await post(billing, gzip.compress(body), {**signed(body), "Content-Encoding": "gzip"})
    assert_problem(answer, 415, "unsupported-media-type")
    answer = await post(billing, body, {**signed(body), "Content-Encoding": "identity"})
    assert answer.status_code == 200


@pytest.mark.fault(8)
async def test_a_body_over_one_megabyte_is_refused_whether_declared_or_not(billing: Billing) -> None:
    body = b" " * (2 * 1024 * 1024)
    assert_problem(await post(billing, body, signed(body)), 413, "body-too-large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65536

    answer = await billing.client.post("/webhooks/stripe", content=chunks(), headers=signed(b""))
    assert_problem(answer, 413, "body-too-large")


async def test_a_body_just_under_one_megabyte_sent_in_chunks_is_stored(billing: Billing) -> None:
    made = event("customer.created", {"id": "cus_1", "filler": "x" * (1024 * 1024 - 2000)})
    body = encoded(made)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    answer = await billing.client.post("/webhooks/stripe", content=chunks(), headers=signed(body))
    assert answer.status_code == 200
    assert len((await billing.stored(made["id"])).payload) == len(body)


async def test_a_sender_that_dawdles_is_cut_off(billing: Billing, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = next(
        route for route in billing.service.app.router.routes if getattr(route, "path", "") == "/webhooks/stripe"
    )
    monkeypatch.setattr(webhook.endpoint, "_timeout", 0.3)  # type: ignore[attr-defined]  # a starlette Route
    async with listening(billing.service.app) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        status = await asyncio.wait_for(reader.readline(), 60)
        writer.close()
    assert b" 408 " in status


@pytest.mark.fault(8)
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"event"',
        b"{}",
        b"not json",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        encoded(an_event(id="in_1")),
        encoded(an_event(id="evt_" + "x" * 300)),
        encoded(an_event(id="evt_\u0000")),
        encoded(an_event(id=7)),
        encoded(an_event(type="")),
        encoded(an_event(type="Invoice paid")),
        encoded(an_event(created="now")),
        encoded(an_event(created=True)),
        encoded(an_event(created=-1)),
        encoded(an_event(created=2**62)),
        encoded(an_event(livemode="false")),
        encoded(an_event(object="v2.core.event")),
        b'{"id":"evt_1","object":"event","id":"evt_2","type":"a","created":1,"livemode":false}',
        b'{"id":"\xed\xa0\x80"}',
    ],
)
async def test_a_signed_body_that_is_no_event_is_refused(billing: Billing, body: bytes) -> None:
    answer = await post(billing, body, signed(body))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert await billing.count("stripe_events") == 0


@pytest.mark.fault(9)
async def test_an_event_of_the_other_mode_is_refused(billing: Billing) -> None:
    assert_problem(await billing.deliver(an_event(livemode=True)), 400, "livemode-mismatch")
    assert await billing.count("stripe_events") == 0
