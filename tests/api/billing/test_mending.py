"""Faults that would have stayed for ever: what gave up starts again, and one bad thing leaves its neighbours alone."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.billing.adapters.intake import EventStore
from services.billing.use_cases.reconcile import Reconciler
from shared.contracts.catalog import PlanPrice
from shared.kernel import new_id
from tests.api.billing.carts import Line, cart, hear_stripe
from tests.api.billing.conftest import Shop, stripe_events
from tests.api.billing.pictures import opened
from tests.support.database import TestDatabase
from tests.support.stripe_payloads import event
from tests.support.stripe_sandbox import RunningSandbox


@pytest_asyncio.fixture
async def reconciler(shop: Shop, fresh_database: TestDatabase) -> AsyncIterator[Reconciler]:
    store = EventStore(fresh_database.url("billing"))
    yield Reconciler(shop.billing.database, shop.billing.payments, store, livemode=False)
    await store.close()


async def tasks(shop: Shop, kind: str) -> list[dict[str, Any]]:
    return await shop.billing.rows(f"stripe_tasks WHERE kind = '{kind}' ORDER BY id", "state, last_error, attempts")


async def test_publishing_again_revives_a_sync_that_gave_up(shop: Shop, sandbox: RunningSandbox) -> None:
    await sandbox.faults(api=[{"kind": "status", "status": 400, "match": "POST /v1/prices"}])
    newer = shop.published(2, price_id=new_id("prc"))
    await shop.billing.hear(newer)
    await shop.billing.run_tasks()
    assert [task["state"] for task in await tasks(shop, "sync_plan")] == ["done", "dead"]
    await shop.billing.hear(newer)
    await shop.billing.run_tasks()
    assert [task["state"] for task in await tasks(shop, "sync_plan")] == ["done", "done"]
    synced = [fact["price_id"] for fact in await shop.billing.facts("billing.price.synced")]
    assert synced == [shop.price_id, newer.prices[0].price_id]


async def test_publishing_again_repeats_nothing_that_was_done(shop: Shop) -> None:
    await shop.billing.hear(shop.published())
    assert await shop.billing.run_tasks() == 0


async def test_a_price_stripe_refuses_leaves_its_neighbours_for_sale(shop: Shop, sandbox: RunningSandbox) -> None:
    good, late = new_id("prc"), new_id("prc")
    prices = [
        PlanPrice(price_id=price_id, currency="EUR", interval="month", amount_minor=amount, setup_fee_minor=0)
        for price_id, amount in ((new_id("prc"), 700), (good, 800), (late, 900))
    ]
    await sandbox.faults(api=[{"kind": "status", "status": 400, "match": "POST /v1/prices"}])
    await shop.billing.hear(shop.published(2).model_copy(update={"prices": tuple(prices)}))
    await shop.billing.run_tasks()
    synced = {fact["price_id"] for fact in await shop.billing.facts("billing.price.synced")}
    assert synced == {shop.price_id, good, late}
    [_first, task] = await tasks(shop, "sync_plan")
    assert task["state"] == "dead"
    assert prices[0].price_id in task["last_error"]


async def test_an_interval_stripe_has_no_word_of_is_billed_as_what_it_is(shop: Shop, sandbox: RunningSandbox) -> None:
    lines = [Line("quarter", amount=2500), Line("two_years", amount=9000)]
    await cart(shop, sandbox, *lines)
    listed = (await sandbox.control.get("/v1/prices", params={"limit": 100})).json()["data"]
    rhythms = {
        price["lookup_key"]: (price["recurring"]["interval"], price["recurring"]["interval_count"])
        for price in listed
        if price["recurring"]
    }
    assert [rhythms[line.price_id] for line in lines] == [("month", 3), ("year", 2)]


async def test_a_price_at_an_unknown_interval_is_refused_and_never_billed_monthly(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    odd = new_id("prc")
    await shop.billing.hear(shop.published(2, price_id=odd, interval="fortnight"))
    await shop.billing.run_tasks()
    assert odd not in {price["lookup_key"] for price in (await sandbox.control.get("/v1/prices")).json()["data"]}
    [_first, task] = await tasks(shop, "sync_plan")
    assert (task["state"], "fortnight" in task["last_error"]) == ("dead", True)


async def test_one_unreadable_event_does_not_stop_the_sweep(
    shop: Shop, sandbox: RunningSandbox, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    listing = shop.billing.payments.list_events

    async def with_nonsense(**given: Any) -> list[dict[str, Any]]:
        page = list(await listing(**given))
        for nonsense in ({"type": "x"}, {"id": 5}, {"created": None}, {"livemode": "no"}, {"data": "none"}):
            page.insert(1, {**page[0], "id": f"evt_odd{len(page)}", **nonsense})
        return page

    monkeypatch.setattr(shop.billing.payments, "list_events", with_nonsense)
    await reconciler.sweep_events()
    await shop.billing.process()
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1
    [sweep] = await shop.billing.rows("sweeps")
    assert sweep["window_until"] is None


async def test_an_event_postgresql_refuses_does_not_stop_the_sweep(
    shop: Shop, sandbox: RunningSandbox, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    listing = shop.billing.payments.list_events

    async def with_far_future(**given: Any) -> list[dict[str, Any]]:
        page = list(await listing(**given))
        return [{**page[0], "id": "evt_long", "data": {"object": {"id": "\x7f" * 3}}, "type": "x" * 100}, *page]

    async def refused(events: Any) -> None:
        if any(entry.id == "evt_long" for entry in events):
            raise asyncpg.DataError("invalid byte sequence")
        await insert(events)

    insert = reconciler._store.insert
    monkeypatch.setattr(shop.billing.payments, "list_events", with_far_future)
    monkeypatch.setattr(reconciler._store, "insert", refused)
    await reconciler.sweep_events()
    await shop.billing.process()
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1


async def test_an_event_of_another_api_version_is_read_again_in_ours(shop: Shop, sandbox: RunningSandbox) -> None:
    await sandbox.faults(event_version="2024-06-20")
    order = await (await cart(shop, sandbox, Line())).pay()
    assert len(await order.facts("checkout.paid")) == 1
    assert len(await order.facts("invoice.paid")) == 1
    assert len(await order.facts("subscription.started")) == 1
    unfinished = await shop.billing.rows("stripe_events WHERE state <> 'done'", "type, last_error")
    assert unfinished == []


async def test_a_copy_nobody_could_read_gives_way_to_the_good_delivery_of_the_same_event(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    [good] = [made for made in await stripe_events(sandbox) if made["type"] == "checkout.session.completed"]
    bad = {**good, "api_version": "2019-12-03", "data": {"object": {"id": "cs_gone", "object": "checkout.session"}}}
    await shop.billing.apply(bad)
    assert (await shop.billing.stored(good["id"])).state == "dead"
    await shop.billing.apply(bad)
    assert (await shop.billing.stored(good["id"])).state == "dead"
    await shop.billing.apply(good)
    assert (await shop.billing.stored(good["id"])).state == "done"
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1
    await shop.billing.apply(bad, good)
    assert await shop.billing.count("stripe_events") == 1


@pytest.mark.parametrize("proof", ["checkout.session.completed", "invoice.paid"])
async def test_an_order_is_paid_when_stripe_says_so_not_when_we_hear_of_it(
    shop: Shop, sandbox: RunningSandbox, proof: str
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    [made] = [entry for entry in await stripe_events(sandbox) if entry["type"] == proof]
    shop.billing.clock.ahead = timedelta(days=2)
    await shop.billing.apply(made)
    [row] = await shop.billing.rows("checkouts", "paid_at")
    assert int(row["paid_at"].timestamp()) == made["created"]


async def test_a_page_seen_paid_by_looking_was_paid_when_its_invoice_was(
    shop: Shop, sandbox: RunningSandbox, reconciler: Reconciler
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    shop.billing.clock.ahead = timedelta(hours=5)
    await reconciler.look_at_sessions()
    [row] = await shop.billing.rows("checkouts", "paid_at")
    [paid] = [entry for entry in await stripe_events(sandbox) if entry["type"] == "invoice.paid"]
    assert int(row["paid_at"].timestamp()) == paid["data"]["object"]["status_transitions"]["paid_at"]


async def test_a_customer_deleted_at_stripe_is_replaced_and_can_buy(shop: Shop, sandbox: RunningSandbox) -> None:
    first = await (await cart(shop, sandbox, Line())).pay()
    old = (await first.row())["stripe_customer_id"]
    await sandbox.stripe.v1.customers.delete_async(old)
    second = await (await cart(shop, sandbox, Line(), account_id=first.account_id)).pay()
    assert (await second.row())["stripe_customer_id"] != old
    assert len(await second.facts("checkout.paid")) == 1
    await shop.billing.run_tasks()
    assert len((await sandbox.control.get("/v1/customers")).json()["data"]) == 1
    [ended] = await first.facts("subscription.ended")  # told of the customer that is gone
    assert ended["item_ids"] == [first.lines[0].item_id]


async def test_a_deletion_that_is_heard_of_makes_a_new_customer_before_anybody_buys(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    await shop.account()
    await shop.billing.run_tasks()
    [row] = await shop.billing.rows("payers", "stripe_customer_id")
    await sandbox.stripe.v1.customers.delete_async(row["stripe_customer_id"])
    await hear_stripe(shop, sandbox)
    await shop.billing.apply(event("customer.deleted", {"id": row["stripe_customer_id"], "object": "customer"}))
    await shop.billing.run_tasks()
    [now] = await shop.billing.rows("payers", "stripe_customer_id, customer_generation")
    assert now["stripe_customer_id"] not in (None, row["stripe_customer_id"])
    assert now["customer_generation"] == 1
