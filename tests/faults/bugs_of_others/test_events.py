"""Events and facts that fail, come late or are cut short: none is lost, and none takes a payment back."""

import random
from typing import Any

import pytest

from services.catalog.adapters.tables import plumbing as catalog_plumbing
from shared.contracts.catalog import EntitlementGranted
from shared.database import DurableWorker
from shared.kernel.ids import uuid7
from shared.testing import eventually
from tests.api.billing.conftest import Shop, stripe_events
from tests.api.billing.pictures import opened
from tests.api.catalog.conftest import Shop as Catalog
from tests.support.stripe_payloads import event, failed_intent, invoice, session, subscription
from tests.support.stripe_sandbox import RunningSandbox

PAID = "billing.checkout.paid"


async def payment(shop: Shop, sandbox: RunningSandbox) -> dict[str, Any]:
    """The event that says an order of the shop's was paid; nobody has delivered it yet."""
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    return next(item for item in await stripe_events(sandbox) if item["type"] == "checkout.session.completed")


_DEFECT = """
CREATE FUNCTION defect() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a defect in the handler'; END $$
"""


def broken(table: str, moment: str) -> tuple[str, str]:
    """Statements that make PostgreSQL refuse a write, as a defect or an outage in the middle of a handler would."""
    return _DEFECT, f"CREATE TRIGGER defect BEFORE {moment} ON {table} FOR EACH ROW EXECUTE FUNCTION defect()"


@pytest.mark.bug("frappe/payments #240")
async def test_an_event_that_failed_is_no_duplicate_when_it_is_delivered_again_and_succeeds_in_the_end(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    paid = await payment(shop, sandbox)
    for statement in broken("checkouts", "UPDATE"):
        await shop.billing.execute(statement)
    await shop.billing.apply(paid)
    stored = await shop.billing.stored(paid["id"])
    assert (stored.state, stored.attempts) == ("ready", 1)
    assert "a defect in the handler" in str(stored.last_error)
    assert await shop.billing.facts(PAID) == []
    await shop.billing.apply(paid)
    assert (await shop.billing.stored(paid["id"])).state == "ready", "the repeat was taken for the success"

    await shop.billing.execute("DROP TRIGGER defect ON checkouts")
    await shop.billing.execute("UPDATE stripe_events SET next_attempt_at = now() WHERE state = 'ready'")
    await shop.billing.process()
    assert (await shop.billing.stored(paid["id"])).state == "done"
    assert len(await shop.billing.facts(PAID)) == 1


@pytest.mark.bug("frappe/payments #240")
async def test_an_event_that_died_of_its_failures_has_its_effect_after_a_replay(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    paid = await payment(shop, sandbox)
    for statement in broken("checkouts", "UPDATE"):
        await shop.billing.execute(statement)
    await shop.billing.deliver(paid)
    await shop.billing.execute("UPDATE stripe_events SET attempts = 11")
    await shop.billing.process()
    assert (await shop.billing.stored(paid["id"])).state == "dead"
    await shop.billing.apply(paid)
    await shop.billing.execute("DROP TRIGGER defect ON checkouts")
    async with shop.billing.database.work() as work:
        assert await shop.billing.events.replay(work.session, paid["id"])
    await shop.billing.process()
    assert len(await shop.billing.facts(PAID)) == 1


@pytest.mark.bug("frappe/press #277")
@pytest.mark.parametrize("seed", range(5))
async def test_nothing_that_arrives_after_the_payment_makes_it_unpaid(
    shop: Shop, sandbox: RunningSandbox, seed: int
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    made = await stripe_events(sandbox)
    await shop.billing.apply(*made)
    paid = next(item for item in made if item["type"] == "invoice.paid")
    before = [await shop.billing.rows(table) for table in ("checkouts", "invoices", "outbox")]
    bill, moment = paid["data"]["object"], paid["created"]
    unpaid = {**bill, "status": "open", "amount_paid": 0, "status_transitions": {"paid_at": None}}
    page = session(id=session_id, customer=bill["customer"], payment_status="unpaid")
    [row] = await shop.billing.rows("subscriptions", "stripe_subscription_id")
    late = [
        event("invoice.created", {**unpaid, "status": "draft"}, created=moment),
        event("invoice.finalized", unpaid, created=moment),
        event("invoice.updated", unpaid, created=moment),
        event("invoice.payment_failed", {**unpaid, "attempt_count": 1}, created=moment - 1),
        event("checkout.session.expired", {**page, "status": "expired"}, created=moment + 60),
        event("checkout.session.completed", page, created=moment - 1),
        event("checkout.session.async_payment_failed", page, created=moment + 60),
        event("payment_intent.payment_failed", failed_intent(customer=bill["customer"]), created=moment - 1),
        event(
            "customer.subscription.updated",
            subscription(id=row["stripe_subscription_id"], customer=bill["customer"], status="incomplete"),
            created=moment - 1,
        ),
        event("invoice.voided", invoice(customer=bill["customer"], status="void"), created=moment),
    ]
    random.Random(seed).shuffle(late)
    await shop.billing.apply(*late)
    checkouts, invoices, outbox = before
    assert [row["status"] for row in checkouts] == ["paid"]
    assert await shop.billing.rows("checkouts") == checkouts
    mine = await shop.billing.rows(f"invoices WHERE stripe_invoice_id = '{bill['id']}'", "status, amount_paid_minor")
    assert mine == [{"status": "paid", "amount_paid_minor": 2700}]
    assert {row["id"] for row in await shop.billing.rows("outbox")} == {row["id"] for row in outbox}
    assert len(invoices) == 1


@pytest.mark.bug("polarsource/polar")
async def test_the_effect_of_an_event_its_fact_and_its_own_end_are_one_commit(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    """No crash can come between them: rows of one commit carry one transaction id."""
    await shop.billing.apply(await payment(shop, sandbox))
    [checkout] = await shop.billing.rows("checkouts", "status, xmin::text AS change")
    [fact] = await shop.billing.rows("outbox WHERE type LIKE 'billing.checkout.paid%'", "state, xmin::text AS change")
    [stored] = await shop.billing.rows("stripe_events", "state, xmin::text AS change")
    assert (checkout["status"], fact["state"], stored["state"]) == ("paid", "ready", "done")
    assert checkout["change"] == fact["change"] == stored["change"]


@pytest.mark.bug("polarsource/polar")
async def test_a_paid_order_its_entitlement_and_the_fact_that_grants_it_are_one_commit(catalog: Catalog) -> None:
    placed = await catalog.placed()
    await catalog.hear(catalog.paid(placed))
    changes = {
        await _change(catalog, statement)
        for statement in (
            "SELECT xmin::text FROM catalog.orders WHERE status = 'paid'",
            "SELECT xmin::text FROM catalog.entitlements",
            "SELECT xmin::text FROM catalog.outbox WHERE type LIKE 'catalog.entitlement.granted%'",
            "SELECT xmin::text FROM catalog.inbox WHERE type LIKE 'billing.checkout.paid%'",
        )
    }
    assert len(changes) == 1


async def _change(catalog: Catalog, statement: str) -> str:
    connection = await catalog.database.engine.raw_connection()
    try:
        [row] = await connection.driver_connection.fetch(statement)  # type: ignore[union-attr]
        return str(row["xmin"])
    finally:
        connection.close()


@pytest.mark.bug("dotnet/eShop")
async def test_a_fact_acknowledged_although_its_handler_failed_is_kept_and_handled_again(catalog: Catalog) -> None:
    placed = await catalog.placed()
    for statement in broken("catalog.entitlements", "INSERT"):
        await _execute(catalog, statement)
    paid, identity = catalog.paid(placed), uuid7()
    await catalog.hear(paid, identity)  # returns: the broker gets its acknowledgement
    assert (await catalog.read(placed))["status"] == "awaiting_payment"
    assert await catalog.published(EntitlementGranted) == []
    assert await catalog.count("inbox", "state = 'ready'") == 1
    await catalog.hear(paid, identity)
    assert await catalog.count("inbox", "state = 'ready'") == 1, "the repeat was taken for the success"

    await _execute(catalog, "DROP TRIGGER defect ON catalog.entitlements")
    await _execute(catalog, "UPDATE catalog.inbox SET next_attempt_at = now()")
    worker = DurableWorker(catalog.database, catalog_plumbing.inbox, catalog.consumer.retry, poll=0.05)
    [claimed] = await _claim(catalog)
    await worker._one(claimed)

    async def paid_now() -> bool:
        return bool((await catalog.read(placed))["status"] == "paid")

    await eventually(paid_now)
    assert len(await catalog.published(EntitlementGranted)) == 1
    assert await catalog.count("inbox", "state = 'done'") == 1


async def _execute(catalog: Catalog, statement: str) -> None:
    async with catalog.database.work() as work:
        connection = await work.session.connection()
        await connection.exec_driver_sql(statement)


async def _claim(catalog: Catalog) -> list[Any]:
    async with catalog.database.work() as work:
        return await catalog_plumbing.inbox.claim(work.session, 10)
