"""An installation that sold servers only is upgraded: nothing is lost, nothing is told or granted again."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest_asyncio
from alembic import command
from pydantic import SecretStr
from sqlalchemy import Connection, text

from ez.embedded.postgres import EmbeddedPostgres
from services.catalog.settings import CatalogSettings
from shared.contracts.catalog import EntitlementGranted, ItemDelivered
from shared.database import migrations
from shared.kernel import decode_id, encode_id, new_id
from shared.testing import FrozenClock
from tests.api.catalog.conftest import Json, Shop, opened
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS, customer
from tests.support.database import TestDatabase, _admin, _in_database

BEFORE = Path(__file__).with_name("before_0004.sql").read_text()
ADA = customer(new_id("acc"))


def _up_to(connection: Connection, revision: str) -> None:
    config = migrations._config("catalog")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@pytest_asyncio.fixture
async def upgraded(postgres_server: EmbeddedPostgres, clock: FrozenClock) -> AsyncIterator[Shop]:
    """A shop over the rows of the version before."""
    name = f"before_{os.getpid()}"
    await _admin(postgres_server.admin_url, f"CREATE DATABASE {name}")
    database = TestDatabase(_in_database(postgres_server.admin_url, name))
    url = database.url("catalog")
    await migrations.ensure_schema(database.admin_url, url, "catalog")
    await migrations._with_connection(url, lambda connection: _up_to(connection, "0003_waiting"))
    account = str(decode_id("acc", str(ADA.account_id)))
    await _admin(database.admin_url, BEFORE.replace("00000000-0000-7000-8000-0000000000aa", account))
    await migrations.upgrade(url, "catalog")
    settings = CatalogSettings(
        environment="test",
        token_keys=TOKEN_KEYS,
        database_url=SecretStr(url),
        signing_key=SecretStr(PRIVATE_KEYS["catalog"]),
        billing_url="http://billing.test",
    )
    async with opened(settings, clock) as shop:
        shop.ada = ADA
        yield shop
    await _admin(postgres_server.admin_url, f"DROP DATABASE {name} WITH (FORCE)")


def _id(prefix: str, number: int) -> str:
    return encode_id(prefix, UUID(f"00000000-0000-7000-8000-{number:012d}"))


async def _order(shop: Shop, number: int) -> Json:
    order: Json = (await shop.get(f"/api/v1/staff/orders/{_id('ord', number)}", shop.grace)).json()
    return order


async def test_plans_keep_their_prices_and_choices_in_groups(upgraded: Shop) -> None:
    plan = (await upgraded.client.get("/api/v1/plans/vps-m")).json()
    assert plan["group"] == {"code": "vps", "name": "Virtual servers"}
    assert plan["recommended"]
    systems = next(field for field in plan["fields"] if field["key"] == "template")["choices"]
    assert systems == [
        {"value": "debian-13", "label": "Debian 13"},
        {"value": "ubuntu-24-04", "label": "Ubuntu 24.04 LTS"},
    ]
    placed = await upgraded.placed({"plan": "vps-m", "interval": "month", "configuration": {"hostname": "new"}})
    assert placed["total"]["amount_minor"] == 1200
    assert await upgraded.seed() == 13
    assert await upgraded.count("plan_groups") == 4


async def test_orders_are_read_as_they_were(upgraded: Shop) -> None:
    half = await _order(upgraded, 1)
    assert (half["number"], half["status"]) == ("EZ-100001", "paid")
    (item,) = half["items"]
    assert (item["name"], item["configuration"]) == (
        "web.example.com",
        {"hostname": "web.example.com", "template": "debian-13"},
    )
    assert [line["value"] for line in item["configured"]] == ["web.example.com", "debian-13"]
    assert [(right["name"], right["status"], right["plan"]["code"]) for right in half["entitlements"]] == [
        ("web-1.example.com", "active", "vps-m"),
        ("web-2.example.com", "granted", "vps-m"),
    ]
    found: Any = (await upgraded.get("/api/v1/staff/orders?q=100001", upgraded.grace)).json()
    assert [order["id"] for order in found["data"]] == [half["id"]]
    assert [entry["title"] for entry in half["timeline"]] == ["Order placed", "web-1.example.com is running"]


async def test_an_order_on_its_way_goes_on_where_it_was(upgraded: Shop) -> None:
    half, unpaid, whole = [await _order(upgraded, number) for number in (1, 2, 3)]
    await upgraded.hear(upgraded.running(half, 0))
    assert await upgraded.published(ItemDelivered) == []
    await upgraded.hear(upgraded.running(half, 1))
    assert (await _order(upgraded, 1))["status"] == "fulfilled"
    await upgraded.hear(upgraded.paid(unpaid))
    async with upgraded.database.work() as work:
        await work.session.execute(text("UPDATE outbox SET type = 'set.aside.for.v1' WHERE subject = 'ent_old'"))
    facts = await upgraded.published(EntitlementGranted)
    assert [(fact.name, fact.hostname, fact.template) for fact in facts] == [
        (f"db-{number}", f"db-{number}", "") for number in (1, 2, 3)
    ]
    await upgraded.hear(upgraded.running(whole, 0))
    assert [fact.item_id for fact in await upgraded.published(ItemDelivered)] == [half["items"][0]["id"]]
    async with upgraded.database.read() as session:
        old = await session.execute(text("SELECT convert_from(body, 'UTF8') FROM outbox WHERE subject = 'ent_old'"))
        assert old.scalar_one() == '{"kept": "as it was"}'
