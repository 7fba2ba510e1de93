"""Idempotency-Key on placing orders: one key, one order."""

import asyncio

from shared.kernel import new_id
from tests.api.catalog.conftest import Shop
from tests.support.callers import customer

KEY = "0a1b2c3d4e5f"


async def test_the_same_request_again_gets_the_same_answer(shop: Shop) -> None:
    first = await shop.order(key=KEY)
    again = await shop.order(key=KEY)
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert await shop.count("orders") == 1


async def test_the_same_key_with_another_body_is_refused(shop: Shop) -> None:
    await shop.order(key=KEY)
    other = await shop.order({"plan": "vps-s", "interval": "month"}, key=KEY)
    assert other.status_code == 422
    assert other.json()["type"].endswith("/idempotency-key-reused")
    assert await shop.count("orders") == 1


async def test_twenty_clicks_at_once_are_one_order(shop: Shop) -> None:
    responses = await asyncio.gather(*(shop.order(key=KEY) for _ in range(20)))
    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["id"] for response in responses}) == 1
    assert await shop.count("orders") == 1
    assert await shop.count("order_items") == 1


async def test_another_account_with_the_same_key_gets_an_order_of_its_own(shop: Shop) -> None:
    ours, theirs = await shop.order(key=KEY), await shop.order(key=KEY, who=shop.eve)
    assert ours.json()["id"] != theirs.json()["id"]
    assert "idempotent-replayed" not in theirs.headers


async def test_a_colleague_with_the_same_key_gets_the_account_s_answer(shop: Shop) -> None:
    first = await shop.order(key=KEY)
    again = await shop.order(key=KEY, who=customer(shop.ada.account_id))
    assert again.json()["id"] == first.json()["id"]


async def test_a_refused_request_does_not_use_the_key_up(shop: Shop) -> None:
    assert (await shop.order({"plan": "nope", "interval": "month"}, key=KEY)).status_code == 422
    assert (await shop.order(key=KEY)).status_code == 201


async def test_a_key_is_demanded_and_must_be_printable(shop: Shop) -> None:
    body = {"currency": "EUR", "items": [{"plan": "vps-m", "interval": "month"}]}
    missing = await shop.post("/api/v1/orders", body)
    assert (missing.status_code, missing.json()["type"].rsplit("/", 1)[1]) == (400, "idempotency-key-missing")
    for bad in ("short", "with space", "x" * 129):
        assert (await shop.post("/api/v1/orders", body, key=bad)).status_code == 400
    assert await shop.count("orders") == 0


async def test_canceling_may_carry_a_key_too(shop: Shop) -> None:
    placed = await shop.placed()
    key = new_id("key")
    first = await shop.post(f"/api/v1/orders/{placed['id']}/cancel", key=key)
    again = await shop.post(f"/api/v1/orders/{placed['id']}/cancel", key=key)
    assert first.content == again.content
