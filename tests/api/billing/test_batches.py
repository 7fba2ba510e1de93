"""Stripe's events applied together end as they do one by one, and two workers never make two of one thing."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event as happening

from services.billing.jobs import EventProcessor
from shared.database import Claimed, Database
from shared.telemetry.tracing import traceparent
from tests.api.billing.conftest import Shop, stripe_events
from tests.api.billing.pictures import forget, opened, picture
from tests.support.stripe_payloads import event, invoice, subscription
from tests.support.stripe_sandbox import RunningSandbox


async def claimed(shop: Shop, *events: dict[str, Any]) -> list[Claimed]:
    """The events, delivered and claimed in this order."""
    for item in events:
        assert (await shop.billing.deliver(item)).status_code == 200
    async with shop.billing.database.work() as work:
        return await shop.billing.events.claim(work.session, 100)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    engine = database.engine.sync_engine
    happening.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        happening.remove(engine, "before_cursor_execute", note)


async def test_a_purchase_applied_as_one_batch_ends_as_it_does_event_by_event(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    events = await stripe_events(sandbox)
    assert len(events) >= 5
    await forget(shop)
    await shop.billing.apply(*events)
    one_by_one = await picture(shop)
    processor = EventProcessor(shop.billing.database, shop.billing.events)
    dice = random.Random(3)
    for _ in range(12):
        arrival = dice.sample(events, len(events))
        await forget(shop)
        await processor.handle_batch(await claimed(shop, *arrival))
        assert await picture(shop) == one_by_one


async def test_two_workers_told_of_one_new_invoice_at_once_make_one(shop: Shop) -> None:
    """Neither may find nothing and make a second one: the later waits for the earlier, and then finds its row."""
    await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    made = invoice(customer=row["stripe_customer_id"], billing_reason="subscription_cycle", status="open")
    renewed = subscription(customer=row["stripe_customer_id"])
    paid = {**made, "status": "paid", "amount_paid": 2700}
    first, second = (
        event("invoice.finalized", made, created=1000),
        event("invoice.paid", paid, created=2000),
    )
    others = [event("customer.subscription.created", renewed), event("customer.subscription.updated", renewed)]
    items = {item.id: item for item in await claimed(shop, first, second, *others)}
    processor = EventProcessor(shop.billing.database, shop.billing.events)
    batches = [[items[first["id"]], items[others[0]["id"]]], [items[others[1]["id"]], items[second["id"]]]]
    for _ in range(10):
        await asyncio.gather(*(processor.handle_batch(batch) for batch in batches))
        assert [row["status"] for row in await shop.billing.rows("invoices")] == ["paid"]
        assert len(await shop.billing.rows("subscriptions")) == 1
        await shop.billing.execute("DELETE FROM invoices")
        await shop.billing.execute("DELETE FROM subscriptions")
        await shop.billing.execute(f"UPDATE stripe_events SET state = 'ready', lease_token = '{batches[0][0].lease}'")


async def test_each_event_of_a_batch_goes_on_in_its_own_trace(shop: Shop) -> None:
    await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    await forget(shop)
    traces = {f"in_{number}": traceparent(None) for number in range(6)}
    for identity, trace in traces.items():
        paid = invoice(
            id=identity, number=identity, customer=row["stripe_customer_id"], status="paid", amount_paid=2700
        )
        assert (await shop.billing.deliver(event("invoice.paid", paid), traceparent=trace)).status_code == 200
    await EventProcessor(shop.billing.database, shop.billing.events).handle_batch(await claimed(shop))
    facts = await shop.billing.rows("outbox", "trace, convert_from(body, 'utf8')::jsonb AS envelope")
    assert {fact["envelope"]["data"]["number"]: fact["trace"] for fact in facts} == traces
    assert all(fact["envelope"]["traceparent"] == fact["trace"] for fact in facts)


@pytest.mark.parametrize("known_by", ["its subscription", "its order alone"])
async def test_a_batch_of_renewals_costs_the_same_few_statements_however_large_it_is(
    shop: Shop, sandbox: RunningSandbox, known_by: str
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    await shop.billing.apply(*await stripe_events(sandbox))
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id, stripe_subscription_id")
    if known_by == "its order alone":  # as it was before groups knew their subscriptions
        await shop.billing.execute("UPDATE payment_groups SET stripe_subscription_id = NULL")
    parent = {"subscription_details": {"subscription": row["stripe_subscription_id"], "metadata": {}}}
    about = {"customer": row["stripe_customer_id"], "parent": parent}
    processor = EventProcessor(shop.billing.database, shop.billing.events)
    counted = []
    for size in (3, 12):
        renewals = [
            invoice(**about, billing_reason="subscription_cycle", status="paid", amount_paid=2700) for _ in range(size)
        ]
        items = await claimed(shop, *(event("invoice.paid", made) for made in renewals))
        with statements(shop.billing.database) as seen:
            await processor.handle_batch(items)
        counted.append(len(seen))
    assert counted[0] == counted[1], counted
    assert await shop.billing.count("invoices", "status = 'paid'") == 16
