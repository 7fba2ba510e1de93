"""What staff and the clock do, and how catalog stands up when something is away."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta

import httpx
import pytest
import uvicorn
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from services.catalog.adapters.tables import plumbing
from services.catalog.jobs import clock_jobs
from services.catalog.main import create_service
from services.catalog.settings import CatalogSettings
from shared.contracts.catalog import OrderCanceled
from shared.database.migrations import differences
from shared.kernel import SystemClock, new_id
from shared.messaging import LocalBroker, LocalTransport
from shared.testing import eventually
from tests.api.catalog.conftest import Json, Shop
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS, bearer
from tests.support.database import TestDatabase, free_port


async def test_the_overview_says_what_needs_a_person(shop: Shop) -> None:
    waiting, held, paid, stuck = [await shop.placed(who=who) for who in (shop.ada, shop.eve, shop.ada, shop.ada)]
    await shop.hear(shop.mismatched(held))
    for order in (paid, stuck):
        await shop.hear(shop.paid(order))
    await shop.hear(shop.undeliverable(await shop.read(stuck)))
    async with shop.database.work() as work:
        await work.session.execute(text("UPDATE inbox SET state = 'dead' WHERE type LIKE '%resource%'"))
        await work.session.execute(
            text(
                "UPDATE orders SET paid_at = paid_at - interval '13 hours' WHERE status = 'paid' AND attention <> '[]'"
            )
        )
    seen = (await shop.get("/api/v1/staff/overview/catalog", shop.grace)).json()
    assert {name: seen[name] for name in ("under_review", "delivery_failed", "awaiting_payment", "dead_letters")} == {
        "under_review": 1,
        "delivery_failed": 1,
        "awaiting_payment": 1,
        "dead_letters": 1,
    }
    assert seen["paid_today"] == [{"amount_minor": 1200, "currency": "EUR"}]
    assert [order["id"] for order in seen["recent"]] == [stuck["id"], paid["id"], held["id"], waiting["id"]]


async def test_a_new_price_is_checked(shop: Shop) -> None:
    plan = (await shop.client.get("/api/v1/plans/vps-m")).json()
    good: Json = {"currency": "EUR", "interval": "month", "amount_minor": 1300}
    for bad in (
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 1.5},
        {"amount_minor": "1300"},
        {"amount_minor": 10**12},
        {"setup_fee_minor": -1},
        {"currency": "euro"},
        {"interval": "week"},
        {"interval": "fortnight"},
        {"stripe_price_id": "price_mine"},
        {"version": 9},
    ):
        response = await shop.post(f"/api/v1/staff/plans/{plan['id']}/prices", good | bad, shop.grace)
        assert response.status_code == 422, bad
    assert (await shop.client.get("/api/v1/plans/vps-m")).json() == plan


async def job(shop: Shop, name: str) -> None:
    chosen = next(one for one in clock_jobs(shop.database, plumbing) if one.name == name)
    await chosen.run()


async def test_an_unpaid_order_expires_an_hour_after_its_time_even_without_billing_s_word(shop: Shop) -> None:
    asked, never_asked, paid = [await shop.placed() for _ in range(3)]
    await shop.post(f"/api/v1/orders/{asked['id']}/checkout")
    await shop.hear(shop.paid(paid))
    shop.clock.advance(timedelta(hours=25))
    await job(shop, "expire_unpaid_orders")
    assert (await shop.read(asked))["status"] == "awaiting_payment"
    shop.clock.advance(timedelta(seconds=1))
    for _ in range(2):
        await job(shop, "expire_unpaid_orders")
    states = [(await shop.read(order))["status"] for order in (asked, never_asked, paid)]
    assert states == ["expired", "expired", "paid"]
    assert [fact.order_id for fact in await shop.published(OrderCanceled)] == [asked["id"]]


async def test_the_plumbing_forgets_what_is_long_done_and_nothing_else(shop: Shop) -> None:
    await shop.hear(shop.paid(await shop.placed()))
    async with shop.database.work() as work:
        for table, state in (("outbox", "done"), ("inbox", "done")):
            await work.session.execute(
                text(f"UPDATE {table} SET state = :state, finished_at = now() - interval '90 days'"), {"state": state}
            )
        await work.session.execute(text("UPDATE outbox SET state = 'ready' WHERE type LIKE '%entitlement%'"))
        await work.session.execute(text("UPDATE idempotency_keys SET created_at = now() - interval '3 days'"))
    await shop.placed(key="a-fresh-key")
    await job(shop, "purge")
    assert await shop.count("outbox") == await shop.count("outbox", "state = 'ready'") == 1
    assert await shop.count("inbox") == 0
    assert await shop.count("idempotency_keys") == 1


async def test_while_the_database_is_away_every_answer_is_503(shop: Shop, catalog_settings: CatalogSettings) -> None:
    url = f"postgresql://ez_catalog:x@127.0.0.1:{free_port()}/ez"
    settings = catalog_settings.model_copy(update={"database_url": SecretStr(url)})
    service = create_service(settings, LocalTransport(LocalBroker()))
    transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
    order = f"/api/v1/orders/{new_id('ord')}"
    body = {"currency": "EUR", "items": [{"plan": "vps-m", "interval": "month"}]}
    async with httpx.AsyncClient(transport=transport, base_url="http://catalog.test") as client:
        for method, path, who in (
            ("GET", "/api/v1/plans", shop.ada),
            ("GET", order, shop.ada),
            ("GET", f"{order}/stream", shop.ada),
            ("POST", "/api/v1/orders", shop.ada),
            ("POST", f"{order}/checkout", shop.ada),
            ("POST", f"{order}/cancel", shop.ada),
            ("GET", "/api/v1/staff/orders", shop.grace),
        ):
            headers = bearer(who) | {"Idempotency-Key": "away-key"}
            response = await client.request(method, path, headers=headers, json=body if method == "POST" else None)
            assert (response.status_code, response.headers["retry-after"]) == (503, "2"), (path, response.text)
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503
    await service.database.close()


async def test_the_models_and_the_migrations_agree(fresh_database: TestDatabase) -> None:
    await differences(fresh_database.url("catalog"), "catalog")


def test_catalog_does_not_start_without_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {
        "EZ_TOKEN_KEYS": TOKEN_KEYS,
        "CATALOG_DATABASE_URL": "postgresql://ez_catalog:x@127.0.0.1/ez",
        "CATALOG_SIGNING_KEY": PRIVATE_KEYS["catalog"],
        "CATALOG_BILLING_URL": "http://billing:8000",
    }
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    settings = CatalogSettings()
    assert settings.billing_url == "http://billing:8000"
    assert PRIVATE_KEYS["catalog"] not in repr(settings)
    for name in needed:
        with monkeypatch.context() as without:
            without.delenv(name)
            with pytest.raises(ValidationError):
                CatalogSettings()
    monkeypatch.setenv("CATALOG_BILLING_URL", "billing:8000")
    with pytest.raises(ValidationError):
        CatalogSettings()


async def test_a_watcher_is_told_when_the_order_changes(shop: Shop, catalog_settings: CatalogSettings) -> None:
    service = create_service(catalog_settings, LocalTransport(LocalBroker()), clock=shop.clock)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(service.app, port=port, log_level="warning", timeout_graceful_shutdown=1))
    running = asyncio.create_task(server.serve())
    placed, other = await shop.placed(), await shop.placed()
    heard: list[str] = []

    async def watch() -> None:
        url = f"http://127.0.0.1:{port}/api/v1/orders/{placed['id']}/stream"
        async with (
            httpx.AsyncClient() as client,
            client.stream("GET", url, headers=bearer(shop.ada), timeout=30) as response,
        ):
            assert response.headers["content-type"].startswith("text/event-stream")
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    heard.append(line)

    async def first_word() -> bool:
        return len(heard) > 0

    await eventually(lambda: asyncio.sleep(0, server.started), what="the server started")
    watching = asyncio.create_task(watch())
    try:
        await eventually(first_word, what="the stream opened")
        await asyncio.sleep(0.5)  # lets the listener's own first call pass
        before = len(heard)
        await shop.hear(shop.failed(other))
        await asyncio.sleep(0.3)
        assert len(heard) == before
        await shop.hear(shop.paid(placed))
        await eventually(lambda: asyncio.sleep(0, len(heard) > before), what="the change was told")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        server.should_exit = True
        await running


_DIES_AFTER_BILLING = """
import asyncio, sys, httpx
from pydantic import SecretStr
from services.catalog.adapters.billing import CheckoutPage
from services.catalog.main import create_service
from services.catalog.settings import CatalogSettings
from shared.messaging import LocalBroker, LocalTransport

class Pages:
    async def open(self, request):
        return CheckoutPage(checkout_id="chk_1", url="https://pay.example/lost", expires_at=request.expires_at)

async def main():
    service = create_service(CatalogSettings(), LocalTransport(LocalBroker()), checkouts=Pages())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://catalog") as client:
        await client.post(sys.argv[1], headers={"Authorization": sys.argv[2]})

asyncio.run(main())
"""


async def test_a_crash_after_billing_s_answer_loses_nothing(shop: Shop, catalog_settings: CatalogSettings) -> None:
    shop.clock.moment = SystemClock().now()
    placed = await shop.placed()
    environment = os.environ | {
        "EZ_CRASH_AT": "catalog.checkout.after_billing",
        "EZ_ENVIRONMENT": "test",
        "EZ_TOKEN_KEYS": TOKEN_KEYS,
        "CATALOG_DATABASE_URL": catalog_settings.database_url.get_secret_value(),
        "CATALOG_SIGNING_KEY": PRIVATE_KEYS["catalog"],
        "CATALOG_BILLING_URL": "http://billing.test",
    }
    path = f"/api/v1/orders/{placed['id']}/checkout"
    command = [sys.executable, "-c", _DIES_AFTER_BILLING, path, bearer(shop.ada)["Authorization"]]
    died = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, timeout=60)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert (await shop.read(placed))["status"] == "awaiting_payment"
    response = await shop.post(path)
    assert (response.status_code, response.json()["url"]) == (200, f"https://pay.example/{placed['id']}")
    shop.clock.advance(timedelta(hours=26))
    await job(shop, "expire_unpaid_orders")
    assert len(await shop.published(OrderCanceled)) == 1
