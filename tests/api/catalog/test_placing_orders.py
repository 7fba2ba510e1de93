"""Placing an order: the catalogue says what it costs, and what was agreed does not move."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import text

from shared.contracts.catalog import OrderCanceled
from tests.api.catalog.conftest import Json, Shop
from tests.support.callers import bearer, customer

SERVER: Json = {"plan": "vps-m", "interval": "month"}


async def test_an_order_is_priced_from_the_catalogue(shop: Shop) -> None:
    placed = await shop.placed(
        {
            "plan": "vps-xl",
            "interval": "month",
            "quantity": 2,
            "hostname": "Build.Example.com",
            "template": "debian-12",
        },
        {"plan": "vps-s", "interval": "month"},
    )
    assert placed["number"] == "EZ-100001"
    assert placed["status"] == "awaiting_payment"
    assert placed["expires_at"] == "2026-02-01T12:00:00.000Z"
    first, second = placed["items"]
    assert first["plan"] == {"code": "vps-xl", "name": "VPS XL"}
    assert (first["hostname"], first["template"], first["quantity"]) == ("build.example.com", "debian-12", 2)
    assert first["unit"] == {"amount_minor": 4800, "currency": "EUR"}
    assert first["setup_fee"] == {"amount_minor": 1000, "currency": "EUR"}
    assert first["total"] == {"amount_minor": 11600, "currency": "EUR"}
    assert second["total"] == {"amount_minor": 500, "currency": "EUR"}
    assert second["hostname"].startswith("vps-")
    assert second["template"] == "debian-13"
    assert placed["total"] == {"amount_minor": 12100, "currency": "EUR"}
    assert placed["entitlements"] == []
    assert (await shop.get(f"/api/v1/orders/{placed['id']}")).json() == placed


async def test_order_numbers_count_upwards(shop: Shop) -> None:
    numbers = [(await shop.placed())["number"] for _ in range(3)]
    assert numbers == ["EZ-100001", "EZ-100002", "EZ-100003"]


async def test_what_was_ordered_keeps_its_price_when_the_catalogue_changes(shop: Shop) -> None:
    placed = await shop.placed()
    plan = (await shop.client.get("/api/v1/plans/vps-m")).json()
    price = {"currency": "EUR", "interval": "month", "amount_minor": 9900}
    assert (await shop.post(f"/api/v1/staff/plans/{plan['id']}/prices", price, shop.grace)).status_code == 200
    await shop.post(f"/api/v1/staff/plans/{plan['id']}/retire", who=shop.grace)
    again = (await shop.get(f"/api/v1/orders/{placed['id']}")).json()
    assert again["total"] == placed["total"] == {"amount_minor": 1200, "currency": "EUR"}
    assert (await shop.post(f"/api/v1/orders/{placed['id']}/checkout")).status_code == 200
    (asked,) = shop.billing.asked
    assert asked["total_minor"] == 1200
    assert asked["lines"][0]["unit_amount_minor"] == 1200
    before = {one["id"]: one["amount_minor"] for one in plan["prices"]}
    assert before[asked["lines"][0]["price_id"]] == 1200


TAMPERED: list[Any] = [
    {"price": 1},
    {"amount_minor": 1},
    {"unit_minor": 0},
    {"unit": {"amount_minor": 1, "currency": "EUR"}},
    {"setup_fee_minor": 0},
    {"price_id": "prc_01m82zvddbf4b9ftq82spqqkvm"},
    {"discount": 100},
    {"spec": {"cores": 64}},
    {"quantity": -1},
    {"quantity": 0},
    {"quantity": 11},
    {"quantity": 1e9},
    {"quantity": 10**30},
    {"quantity": 1.5},
    {"quantity": 1.0},
    {"quantity": "2"},
    {"quantity": True},
    {"quantity": None},
    {"quantity": [1]},
    {"plan": "vps-xxl"},
    {"plan": "pln_01m82zvddbfqpre0qg9pg06axj"},
    {"plan": None},
    {"plan": {"code": "vps-m"}},
    {"plan": "vps-m\x00"},
    {"plan": "vps-m\n"},
    {"plan": "vps-m' OR 1=1 --"},
    {"plan": "x" * 5000},
    {"interval": "day"},
    {"interval": "Month"},
    {"interval": 1},
    {"hostname": ""},
    {"hostname": "-a"},
    {"hostname": "a\x00b"},
    {"hostname": "a\r\nb"},
    {"hostname": "$(reboot)"},
    {"hostname": "{{7*7}}"},
    {"hostname": "a" * 254},
    {"hostname": ["web"]},
    {"hostname": "a" * 62, "quantity": 2},
    {"template": "windows-95"},
    {"template": ""},
    {"template": 7},
]


async def test_a_tampered_line_is_refused_and_nothing_is_ordered(shop: Shop) -> None:
    for changes in TAMPERED:
        response = await shop.order(SERVER | changes)
        assert response.status_code == 422, (changes, response.text)
        problem = response.json()
        assert problem["type"] == "https://ez.solutions/problems/invalid"
        assert problem["request_id"]
        assert problem["errors"], changes
        assert all(error["pointer"].startswith("/items/0/") for error in problem["errors"]), problem
    assert await shop.count("orders") == 0


TAMPERED_ORDERS: list[Any] = [
    {"currency": "EUR", "items": []},
    {"currency": "EUR", "items": [SERVER] * 21},
    {"currency": "EUR", "items": SERVER},
    {"currency": "EUR"},
    {"items": [SERVER]},
    {"currency": "eur", "items": [SERVER]},
    {"currency": "JPY", "items": [SERVER]},
    {"currency": 978, "items": [SERVER]},
    {"currency": "EUR", "items": [SERVER], "total_minor": 1},
    {"currency": "EUR", "items": [SERVER], "account_id": "acc_01m82zvdcbf7aak3sc5d8d08g4"},
    {"currency": "EUR", "items": [SERVER], "status": "paid"},
    {"currency": "EUR", "items": [SERVER], "expires_at": "2099-01-01T00:00:00Z"},
    {"currency": "EUR", "items": [SERVER], "coupon": "FREE"},
    [],
    None,
    "order",
    7,
]


async def test_a_tampered_order_is_refused(shop: Shop) -> None:
    for body in TAMPERED_ORDERS:
        response = await shop.post("/api/v1/orders", body, key="tampered-order-key")
        assert response.status_code == 422, (body, response.text)
    assert await shop.count("orders") == 0


NO_ORDERS = [
    (b"", 422),
    (b"{", 400),
    (b"\xff\xfe", 400),
    (b'{"currency":"EUR","items":[{"plan":"vps-m","interval":"month","quantity":NaN}]}', 422),
    (b'{"currency":"EUR","items":[{"plan":"vps-m","interval":"month","quantity":Infinity}]}', 422),
    (b'{"currency":"EUR","items":[{"plan":"vps-m","interval":"month","quantity":1e999}]}', 422),
    (b'{"currency":"EUR","items":[{"plan":"vps-m","interval":"month","quantity":' + b"9" * 5000 + b"}]}", 400),
    (b'{"currency":"EUR","items":[{"plan":"vps-m","interval":"month","hostname":"\\ud800"}]}', 422),
    (b'{"currency":"EUR","items":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400),
    (b'{"currency":"' + b"E" * 300_000 + b'"}', 413),
]


async def test_bytes_that_are_no_order_are_refused_in_words(shop: Shop) -> None:
    headers = bearer(shop.ada) | {"Idempotency-Key": "bytes-key", "Content-Type": "application/json"}
    for content, status in NO_ORDERS:
        response = await shop.client.post("/api/v1/orders", headers=headers, content=content)
        assert response.status_code == status, (content[:80], response.text)
        assert response.headers["content-type"] == "application/problem+json"


async def test_a_body_that_hides_its_size_is_cut_off(shop: Shop) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 10_000

    headers = bearer(shop.ada) | {"Idempotency-Key": "bytes-key", "Content-Type": "application/json"}
    response = await shop.client.post("/api/v1/orders", headers=headers, content=endless())
    assert (response.status_code, response.headers["content-type"]) == (413, "application/problem+json")


async def test_every_wrong_field_is_named_at_once(shop: Shop) -> None:
    response = await shop.order(
        SERVER, {"plan": "nope", "interval": "month"}, SERVER | {"hostname": "_", "template": "x"}
    )
    assert [error["pointer"] for error in response.json()["errors"]] == [
        "/items/1/plan",
        "/items/2/hostname",
        "/items/2/template",
    ]


async def test_an_announced_plan_cannot_be_ordered_yet(shop: Shop) -> None:
    response = await shop.order({"plan": "hosting-start", "interval": "month"})
    assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (409, "plan-not-open")
    assert await shop.count("orders") == 0


async def test_items_of_one_order_are_paid_per_one_interval(shop: Shop) -> None:
    response = await shop.order(SERVER, {"plan": "vps-s", "interval": "year"}, SERVER)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/items/1/interval"]
    assert (await shop.placed({"plan": "vps-s", "interval": "year"}))["total"]["amount_minor"] == 5000


async def test_an_order_larger_than_one_payment_is_refused(shop: Shop) -> None:
    async with shop.database.work() as work:
        await work.session.execute(text("UPDATE prices SET amount_minor = 10000000"))
    assert (await shop.order(SERVER | {"quantity": 9})).status_code == 201
    response = await shop.order(SERVER | {"quantity": 10})
    assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (422, "order-too-large")


async def test_a_viewer_of_the_account_cannot_order(shop: Shop) -> None:
    response = await shop.order(who=customer(shop.ada.account_id, role="read_only"))
    assert response.status_code == 403


async def test_an_order_can_be_given_up_until_it_is_paid(shop: Shop) -> None:
    placed = await shop.placed()
    for _ in range(2):
        response = await shop.post(f"/api/v1/orders/{placed['id']}/cancel")
        assert (response.status_code, response.json()["status"]) == (200, "canceled")
    (fact,) = await shop.published(OrderCanceled)
    assert (fact.order_id, fact.account_id) == (placed["id"], shop.ada.account_id)
    assert await shop.titles(placed) == ["Order placed", "Order canceled"]
    paid = await shop.placed()
    await shop.hear(shop.paid(paid))
    refused = await shop.post(f"/api/v1/orders/{paid['id']}/cancel")
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (409, "order-not-cancelable")


async def test_orders_are_listed_newest_first_in_pages(shop: Shop) -> None:
    ids = []
    for _ in range(5):
        ids.append((await shop.placed())["id"])
        await asyncio.sleep(0.002)
    seen, cursor = [], ""
    while True:
        page = (await shop.get(f"/api/v1/orders?limit=2{cursor}")).json()
        seen += [order["id"] for order in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ids[::-1]


async def test_a_made_up_cursor_is_refused(shop: Shop) -> None:
    for query in ("cursor=%00", "cursor=abc", "cursor=cGxuXzAx", "cursor=ÿ"):
        assert (await shop.get(f"/api/v1/orders?{query}")).status_code == 400, query
        assert (await shop.get(f"/api/v1/staff/orders?{query}", shop.grace)).status_code == 400, query


async def test_a_page_outside_the_limits_is_refused(shop: Shop) -> None:
    for query in ("limit=0", "limit=101", "limit=x", f"cursor={'a' * 200}"):
        assert (await shop.get(f"/api/v1/orders?{query}")).status_code == 422, query
