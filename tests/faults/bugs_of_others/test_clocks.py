"""The clock and the webhook at once, in two processes: one paid period stays one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.billing.adapters.intake import EventStore
from services.billing.adapters.stripe import StripePayments, make_client
from services.billing.main import create_service
from services.billing.use_cases.reconcile import Reconciler
from shared.messaging import LocalBroker, LocalTransport
from shared.web.worker import ClockJob, ServiceWorker
from tests.api.billing.conftest import Shop, settings, stripe_events
from tests.api.billing.pictures import opened
from tests.support.database import TestDatabase
from tests.support.stripe_sandbox import API_KEY, RunningSandbox


@asynccontextmanager
async def reconciling(shop: Shop, sandbox: RunningSandbox, database_url: str) -> AsyncIterator[Reconciler]:
    """A reconciler with connections of its own, as another process would have."""
    payments = StripePayments(*make_client(API_KEY, sandbox.url))
    store = EventStore(database_url)
    try:
        yield Reconciler(shop.billing.database, payments, store, livemode=False)
    finally:
        await payments.close()
        await store.close()


@pytest.mark.bug("FOSSBilling/FOSSBilling #3106")
async def test_a_renewal_told_by_webhook_and_found_by_two_clocks_at_once_is_recorded_once(
    shop: Shop, sandbox: RunningSandbox, fresh_database: TestDatabase
) -> None:
    order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    await shop.billing.apply(*await stripe_events(sandbox))
    known = {item["id"] for item in await stripe_events(sandbox)}
    listed = await sandbox.stripe.v1.subscriptions.list_async({"limit": 1})
    renewed = await sandbox.control.post(f"/_sandbox/subscriptions/{listed.data[0].id}/renew", json={})
    renewed.raise_for_status()
    renewal = [item for item in await stripe_events(sandbox) if item["id"] not in known]
    assert "invoice.paid" in {item["type"] for item in renewal}
    url = fresh_database.url("billing")
    async with reconciling(shop, sandbox, url) as one, reconciling(shop, sandbox, url) as other:
        for _round in range(2):
            await asyncio.gather(
                *(shop.billing.deliver(item) for item in renewal),
                one.sweep_events(),
                other.sweep_events(),
                one.look_at_sessions(),
                other.look_at_sessions(),
            )
            await asyncio.gather(shop.billing.process(), shop.billing.process())
    receipts = await shop.billing.facts("billing.invoice.paid")
    assert [receipt["order_id"] for receipt in receipts] == [order.order_id] * 2
    assert sorted(receipt["amount_minor"] for receipt in receipts) == [2400, 2700]
    assert len(await shop.billing.rows("invoices", "id")) == 2
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1


@pytest.mark.bug("FOSSBilling/FOSSBilling #3106")
async def test_a_payment_nobody_told_of_is_found_by_two_clocks_at_once_and_counted_once(
    shop: Shop, sandbox: RunningSandbox, fresh_database: TestDatabase
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    await shop.billing.execute("UPDATE checkouts SET checked_at = now() - interval '1 hour'")
    url = fresh_database.url("billing")
    async with reconciling(shop, sandbox, url) as one, reconciling(shop, sandbox, url) as other:
        await asyncio.gather(one.look_at_sessions(), other.look_at_sessions(), one.sweep_events(), other.sweep_events())
        await asyncio.gather(shop.billing.process(), shop.billing.process())
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1
    assert len(await shop.billing.facts("billing.invoice.paid")) == 1


@asynccontextmanager
async def worker(database_url: str) -> AsyncIterator[ServiceWorker]:
    """Billing's worker with connections of its own, as another process would have."""
    service = create_service(settings(database_url), LocalTransport(LocalBroker()))
    try:
        yield service.worker
    finally:
        await service.database.close()


@pytest.mark.bug("FOSSBilling/FOSSBilling #3106")
async def test_a_clock_job_runs_in_one_process_at_a_time_and_goes_on_when_that_one_ends(
    fresh_database: TestDatabase,
) -> None:
    started, finish = asyncio.Event(), asyncio.Event()
    runs: list[str] = []

    async def slow() -> None:
        runs.append("first")
        started.set()
        await finish.wait()

    async def quick() -> None:
        runs.append("second")

    url = fresh_database.url("billing")
    async with worker(url) as first, worker(url) as second:
        running = asyncio.create_task(first._alone(ClockJob("renewals", 60, slow)))
        await started.wait()
        await second._alone(ClockJob("renewals", 60, quick))
        assert runs == ["first"], "the second process ran the job beside the first"
        await second._alone(ClockJob("another", 60, quick))
        assert runs == ["first", "second"], "one job held up another"
        await _end_the_holder(fresh_database)
        await second._alone(ClockJob("renewals", 60, quick))
        assert runs == ["first", "second", "second"], "a lock outlived its process"
        finish.set()
        await asyncio.gather(running, return_exceptions=True)


async def _end_the_holder(database: TestDatabase) -> None:
    """What PostgreSQL does when the process that holds the lock is gone."""
    connection = await asyncpg.connect(database.admin_url)
    try:
        held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (%s)"
        held %= "SELECT oid FROM pg_database WHERE datname = current_database()"
        assert await connection.fetch(f"SELECT pg_terminate_backend(pid, 5000) FROM ({held}) AS holders")
    finally:
        await connection.close()
