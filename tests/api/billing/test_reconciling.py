"""The reconciler: what was never delivered arrives all the same, once, however long the gap."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.billing.adapters.intake import EventStore
from services.billing.adapters.stripe import StripePayments, make_client
from services.billing.jobs import clock_jobs
from services.billing.use_cases import reconcile
from services.billing.use_cases.reconcile import Reconciler
from tests.api.billing.conftest import Shop, stripe_events
from tests.support.database import TestDatabase
from tests.support.stripe_payloads import event
from tests.support.stripe_sandbox import API_KEY, RunningSandbox


@pytest_asyncio.fixture
async def reconciler(shop: Shop, sandbox: RunningSandbox, fresh_database: TestDatabase) -> AsyncIterator[Reconciler]:
    payments = StripePayments(*make_client(API_KEY, sandbox.url))
    store = EventStore(fresh_database.url("billing"))
    yield Reconciler(shop.billing.database, payments, store, livemode=False)
    await payments.close()
    await store.close()


async def bought(shop: Shop, sandbox: RunningSandbox) -> str:
    """A paid page that nobody told billing of; its id."""
    order = shop.order(await shop.account())
    assert (await shop.billing.open_checkout(order)).status_code == 200
    rows = await shop.billing.rows("checkouts ORDER BY id", "stripe_session_id")
    session_id: str = rows[-1]["stripe_session_id"]
    await sandbox.pay(session_id)
    return session_id


async def test_events_that_were_never_delivered_are_fetched_and_applied_once(
    shop: Shop, sandbox: RunningSandbox, reconciler: Reconciler
) -> None:
    await bought(shop, sandbox)
    made = await stripe_events(sandbox)
    await shop.billing.apply(*made[::2])
    await reconciler.sweep_events()
    await shop.billing.process()
    await reconciler.sweep_events()
    assert await shop.billing.process() == 0
    assert await shop.billing.count("stripe_events") == len(made)
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1
    assert len(await shop.billing.facts("billing.invoice.paid")) == 1


async def test_a_fetched_event_reads_like_a_delivered_one(
    shop: Shop, sandbox: RunningSandbox, reconciler: Reconciler
) -> None:
    await bought(shop, sandbox)
    await reconciler.sweep_events()
    await shop.billing.process()
    unfinished = await shop.billing.rows("stripe_events WHERE state <> 'done'", "type, last_error")
    assert unfinished == []


async def test_a_gap_of_72_hours_is_closed_though_newer_events_were_delivered_first(
    shop: Shop, sandbox: RunningSandbox, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_PAGE", 3)
    await reconciler.sweep_events()
    await bought(shop, sandbox)
    for _day in range(3):
        await sandbox.control.post("/_sandbox/clock", json={"advance_seconds": 24 * 3600})
        shop.billing.clock.ahead += timedelta(hours=24)
        await sandbox.stripe.v1.customers.create_async({"name": "somebody"})
    made = await stripe_events(sandbox)
    await shop.billing.apply(made[-1])
    for _minute in range(20):
        await reconciler.sweep_events()
    await shop.billing.process()
    assert await shop.billing.count("stripe_events") == len(made)
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1


async def test_a_sweep_that_is_cut_short_goes_on_where_it_stopped(
    shop: Shop, sandbox: RunningSandbox, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_PAGE", 2)
    monkeypatch.setattr(reconcile, "_PAGES_PER_RUN", 1)
    await bought(shop, sandbox)
    made = await stripe_events(sandbox)
    for _run in range(len(made)):
        assert await reconciler.sweep_events() <= 2
        if await shop.billing.count("stripe_events") == len(made):
            break
    assert await shop.billing.count("stripe_events") == len(made)


async def test_a_page_paid_without_any_event_is_noticed_by_looking(
    shop: Shop, sandbox: RunningSandbox, reconciler: Reconciler
) -> None:
    await bought(shop, sandbox)
    assert await reconciler.look_at_sessions() == 0
    shop.billing.clock.ahead = timedelta(minutes=3)
    assert await reconciler.look_at_sessions() == 1
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1
    await shop.billing.apply(*await stripe_events(sandbox))
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1


async def test_an_unpaid_page_is_looked_at_again_only_after_a_while(shop: Shop, reconciler: Reconciler) -> None:
    order = shop.order(await shop.account())
    await shop.billing.open_checkout(order)
    shop.billing.clock.ahead = timedelta(minutes=3)
    assert await reconciler.look_at_sessions() == 1
    assert await reconciler.look_at_sessions() == 0
    shop.billing.clock.ahead = timedelta(minutes=14)
    assert await reconciler.look_at_sessions() == 1


async def test_events_of_the_other_mode_are_not_taken_in(
    shop: Shop, sandbox: RunningSandbox, fresh_database: TestDatabase
) -> None:
    payments = StripePayments(*make_client(API_KEY, sandbox.url))
    store = EventStore(fresh_database.url("billing"))
    await Reconciler(shop.billing.database, payments, store, livemode=True).sweep_events()
    assert await shop.billing.count("stripe_events") == 0
    await payments.close()
    await store.close()


async def test_old_finished_events_are_forgotten_and_unfinished_ones_kept(shop: Shop) -> None:
    old: list[dict[str, Any]] = [event("customer.created", {"id": "cus_1"}) for _ in range(3)]
    await shop.billing.apply(*old)
    await shop.billing.deliver(event("customer.created", {"id": "cus_2"}))
    await shop.billing.execute(
        "UPDATE stripe_events SET finished_at = now() - interval '46 days' WHERE id = :id", id=old[0]["id"]
    )
    await shop.billing.execute(
        "UPDATE stripe_events SET finished_at = now() - interval '44 days' WHERE id = :id", id=old[1]["id"]
    )
    jobs = {job.name: job for job in clock_jobs(shop.billing.database, None, [shop.billing.events])}  # type: ignore[arg-type]  # not used by purge
    await jobs["purge"].run()
    kept = {row["id"] for row in await shop.billing.rows("stripe_events", "id")}
    assert old[0]["id"] not in kept
    assert len(kept) == 3
