"""Billing as it really runs: its own port, its worker, and a Stripe stand-in that delivers late, twice and forged."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from services.billing.adapters.stripe import StripePayments, make_client
from services.billing.domain import task_queue
from services.billing.main import create_service
from services.billing.use_cases.stripe_tasks import TaskRunner
from shared.messaging import LocalBroker, LocalTransport
from shared.testing import eventually
from tests.api.billing.conftest import Billing, MovingClock, Order, Shop, settings
from tests.support.database import TestDatabase, free_port
from tests.support.live import listening
from tests.support.stripe_sandbox import WEBHOOK_SECRET, RunningSandbox, running_sandbox

ORDERS = 6


@pytest_asyncio.fixture
async def running(fresh_database: TestDatabase) -> AsyncIterator[tuple[Shop, RunningSandbox]]:
    """API and worker in one process; the stand-in delivers to the API's port."""
    port = free_port()
    chosen = settings(
        fresh_database.url("billing"),
        stripe_api_base=f"http://127.0.0.1:{port}",
        stripe_webhook_secrets=WEBHOOK_SECRET,
    )
    clock = MovingClock()
    payments = StripePayments(*make_client(chosen.stripe_secret_key.get_secret_value(), chosen.stripe_api_base))
    service = create_service(chosen, LocalTransport(LocalBroker()), clock=clock, payments=payments)
    runner = TaskRunner(service.database, payments, task_queue())
    async with (
        listening(service.app) as url,
        running_sandbox(webhook_url=f"{url}/webhooks/stripe", port=port) as sandbox,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        working = asyncio.create_task(service.worker.run())
        try:
            yield Shop(Billing(service, client, runner, clock, payments)), sandbox
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


async def _page(shop: Shop, order: Order) -> str:
    """The session id of the order's page; empty while billing is not ready to open one."""
    answer = await shop.billing.open_checkout(order)
    assert answer.status_code in (200, 503), answer.text
    url: str = answer.json().get("url", "")
    return url.rpartition("/")[2]


async def test_every_paid_order_is_announced_once_however_badly_stripe_delivers(
    running: tuple[Shop, RunningSandbox],
) -> None:
    shop, sandbox = running
    await shop.billing.hear(shop.published())
    misbehaving = {"duplicates": 3, "shuffle": True, "withhold": 2, "forge": ["wrong_secret", "future_timestamp"]}
    await sandbox.faults(webhooks={**misbehaving, "forge_times": 10})
    orders = [shop.order(await shop.account(f"payer{number}@example.com")) for number in range(ORDERS)]
    for number, order in enumerate(orders):
        session_id = await eventually(lambda order=order: _page(shop, order), what="a payment page", every=0.2)
        if number % 2:
            await sandbox.pay(session_id, "decline")
        await sandbox.pay(session_id)

    async def all_announced() -> bool:
        return len(await shop.billing.facts("billing.checkout.paid")) >= ORDERS

    await eventually(all_announced, what="every order announced")
    await asyncio.sleep(1)
    paid = [fact["order_id"] for fact in await shop.billing.facts("billing.checkout.paid")]
    assert sorted(paid) == sorted(order.order_id for order in orders)
    failures = [fact["order_id"] for fact in await shop.billing.facts("billing.payment.failed")]
    assert len(failures) == len(set(failures)) <= ORDERS // 2
    assert await shop.billing.facts("billing.payment.mismatched") == []
    held = await shop.billing.rows("stripe_events WHERE state IN ('dead', 'parked')", "type, last_error")
    assert held == []
