"""An order that is not one the catalogue offers is refused in words, and nothing is ordered."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.catalog.conftest import SERVER, Shop
from tests.support.callers import bearer

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


@pytest.mark.parametrize(
    "configuration",
    [
        rb'{"hostname": "\ud800"}',
        rb'{"\ud800": 1}',
        rb'{"\u0000": 1}',
        rb'{"ssh_keys": ["\ud800"]}',
        rb'{"template": {"\ud800": 1}}',
        rb'{"hostname": null, "ssh_keys": [[[[]]]]}',
        rb'{"hostname": 1e400}',
        rb"[]",
        b'{"' + b"k" * 5000 + b'": 1}',
        b"{" + b",".join(b'"k%d": 1' % number for number in range(51)) + b"}",
    ],
)
async def test_no_configuration_is_too_strange_to_be_refused(shop: Shop, configuration: bytes) -> None:
    headers = bearer(shop.ada) | {"Idempotency-Key": "bytes-key", "Content-Type": "application/json"}
    item = b'{"plan": "vps-m", "interval": "month", "configuration": ' + configuration + b"}"
    content = b'{"currency": "EUR", "items": [' + item + b"]}"
    for path in ("/api/v1/orders", "/api/v1/quotes"):
        response = await shop.client.post(path, headers=headers, content=content)
        assert response.status_code == 422, response.text
        assert response.headers["content-type"] == "application/problem+json"


async def test_a_body_that_hides_its_size_is_cut_off(shop: Shop) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 10_000

    headers = bearer(shop.ada) | {"Idempotency-Key": "bytes-key", "Content-Type": "application/json"}
    response = await shop.client.post("/api/v1/orders", headers=headers, content=endless())
    assert (response.status_code, response.headers["content-type"]) == (413, "application/problem+json")
