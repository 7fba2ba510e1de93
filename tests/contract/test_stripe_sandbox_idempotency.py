"""Idempotency keys and API faults: what a client may rely on when calls fail halfway."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
import stripe

from tests.support.stripe_sandbox import RunningSandbox, client, running_sandbox


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with running_sandbox() as running:
        yield running


def _key() -> str:
    return str(uuid.uuid4())


async def _customers(sandbox: RunningSandbox, email: str) -> int:
    return len((await sandbox.stripe.v1.customers.list_async({"email": email, "limit": 100})).data)


async def _post(sandbox: RunningSandbox, key: str, path: str = "/v1/customers", **data: str) -> httpx.Response:
    return await sandbox.control.post(path, data=data, headers={"Idempotency-Key": key})


async def test_the_same_key_replays_the_first_answer(sandbox: RunningSandbox) -> None:
    key = _key()
    first = await _post(sandbox, key, email="replay@example.com", name="Ada")
    again = await _post(sandbox, key, name="Ada", email="replay@example.com")
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert again.headers["request-id"] != first.headers["request-id"]
    assert await _customers(sandbox, "replay@example.com") == 1


async def test_the_same_key_with_other_parameters_or_path_is_refused(sandbox: RunningSandbox) -> None:
    key = _key()
    await _post(sandbox, key, name="Ada")
    for path, data in (("/v1/customers", {"name": "Grace"}), ("/v1/products", {"name": "Ada"})):
        answer = await _post(sandbox, key, path, **data)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")
    with pytest.raises(stripe.IdempotencyError):
        await sandbox.stripe.v1.customers.create_async({"name": "Grace"}, {"idempotency_key": key})


async def test_a_concurrent_twin_is_told_the_key_is_in_use(sandbox: RunningSandbox) -> None:
    key = _key()
    await sandbox.faults(api={"kind": "delay", "seconds": 0.3})
    slow = asyncio.create_task(_post(sandbox, key, email="twin@example.com"))
    await asyncio.sleep(0.1)
    twin = await _post(sandbox, key, email="twin@example.com")
    assert (twin.status_code, twin.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await slow).status_code == 200
    assert (await _post(sandbox, key, email="twin@example.com")).headers["idempotent-replayed"] == "true"
    assert await _customers(sandbox, "twin@example.com") == 1


async def test_a_request_that_was_wrong_may_be_put_right_under_its_key(sandbox: RunningSandbox) -> None:
    key = _key()
    assert (await _post(sandbox, key, "/v1/refunds", charge="ch_missing")).status_code == 400
    again = await _post(sandbox, key, "/v1/refunds", charge="ch_missing")
    assert (again.status_code, "idempotent-replayed" in again.headers) == (400, False)
    other = _key()
    assert (await _post(sandbox, other, colour="red")).status_code == 400
    assert (await _post(sandbox, other, name="Ada")).status_code == 200


async def test_what_failed_while_it_was_processed_is_the_keys_answer_from_then_on(sandbox: RunningSandbox) -> None:
    key = _key()
    await sandbox.faults(api={"kind": "status", "status": 500, "saved": True})
    assert (await _post(sandbox, key, name="Ada")).status_code == 500
    again = await _post(sandbox, key, name="Ada")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (500, "true")
    on_the_way = _key()
    await sandbox.faults(api={"kind": "status", "status": 500})
    assert (await _post(sandbox, on_the_way, name="Ada")).status_code == 500
    assert (await _post(sandbox, on_the_way, name="Ada")).status_code == 200


async def test_a_key_that_is_too_long_is_refused(sandbox: RunningSandbox) -> None:
    assert (await _post(sandbox, "k" * 256, name="Ada")).status_code == 400


async def test_a_handler_that_refuses_leaves_nothing_behind(sandbox: RunningSandbox) -> None:
    before = len(await sandbox.event_types())
    answer = await sandbox.control.post(
        "/v1/checkout/sessions",
        data={
            "mode": "payment",
            "success_url": "http://shop.test",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": "eur",
            "line_items[0][price_data][unit_amount]": "1",
            "line_items[0][price_data][product_data][name]": "Too cheap",
        },
    )
    assert answer.json()["error"]["code"] == "amount_too_small"
    assert len(await sandbox.event_types()) == before


async def test_the_sdk_survives_errors_rate_limits_and_dropped_connections(sandbox: RunningSandbox) -> None:
    for fault in ("status", "drop_connection", "drop_after_processing"):
        email = f"{fault.replace('_', '-')}@example.com"
        await sandbox.faults(api={"kind": fault, "times": 2})
        made = await sandbox.stripe.v1.customers.create_async({"email": email})
        assert made.email == email
        assert await _customers(sandbox, email) == 1


async def test_a_rate_limit_reaches_the_caller(sandbox: RunningSandbox) -> None:
    await sandbox.faults(api={"kind": "rate_limit", "match": "POST /v1/products"})
    await sandbox.stripe.v1.customers.list_async()
    with pytest.raises(stripe.RateLimitError):
        await sandbox.stripe.v1.products.create_async({"name": "VPS"})
    await sandbox.stripe.v1.products.create_async({"name": "VPS"})


async def test_a_timeout_after_processing_is_found_again_by_its_key(sandbox: RunningSandbox) -> None:
    key, email = _key(), "late@example.com"
    await sandbox.faults(api={"kind": "timeout_after_processing", "seconds": 30})
    impatient = stripe.StripeClient(
        "sk_test_sandbox_tests",
        base_addresses={"api": sandbox.url},
        http_client=stripe.HTTPXClient(timeout=0.3),
        max_network_retries=0,
    )
    with pytest.raises(stripe.APIConnectionError):
        await impatient.v1.customers.create_async({"email": email}, {"idempotency_key": key})
    assert await _customers(sandbox, email) == 1
    found = await sandbox.stripe.v1.customers.create_async({"email": email}, {"idempotency_key": key})
    assert found.email == email
    assert await _customers(sandbox, email) == 1


async def test_a_wrong_key_is_an_authentication_error_to_the_sdk(sandbox: RunningSandbox) -> None:
    with pytest.raises(stripe.AuthenticationError):
        await client(sandbox.url, key="sk_test_wrong", retries=0).v1.customers.list_async()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_sandbox/faults", '{"api": {"kind": "gremlins"}}'),
        ("/_sandbox/faults", '{"api": {"times": 1}}'),
        ("/_sandbox/faults", '{"webhooks": {"duplicates": 0}}'),
        ("/_sandbox/faults", '{"webhooks": {"forge": ["nonsense"]}}'),
        ("/_sandbox/faults", '{"next_checkout": {"currency": "zzz"}}'),
        ("/_sandbox/faults", '{"surprise": true}'),
        ("/_sandbox/faults", "not json"),
        ("/_sandbox/faults", "[1]"),
        ("/_sandbox/checkout/cs_x/pay", '{"outcome": "miracle"}'),
        ("/_sandbox/clock", '{"advance_seconds": -1}'),
        ("/_sandbox/events/evt_x/resend", '{"times": "many"}'),
    ],
)
async def test_the_control_api_refuses_what_it_cannot_use(sandbox: RunningSandbox, path: str, body: str) -> None:
    answer = await sandbox.control.post(path, content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (await sandbox.browser.post(path, content=body)).status_code == 401


async def test_a_reset_forgets_everything() -> None:
    async with running_sandbox() as sandbox:
        key = _key()
        await _post(sandbox, key, email="gone@example.com")
        await sandbox.faults(webhooks={"paused": True})
        await sandbox.control.post("/_sandbox/reset", json={})
        assert await _customers(sandbox, "gone@example.com") == 0
        assert await sandbox.event_types() == []
        assert "idempotent-replayed" not in (await _post(sandbox, key, email="gone@example.com")).headers
        assert (await sandbox.control.get("/_sandbox/faults")).json()["webhooks"]["paused"] is False
