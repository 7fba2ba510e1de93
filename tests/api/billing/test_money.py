"""The ledger over a real database: booked with the mirrors, once; nothing changes it; staff read it."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from services.billing.jobs import clock_jobs
from services.billing.use_cases.book_before import book_before
from shared.database.engine import sqlstate
from shared.kernel import new_id
from tests.api.billing.conftest import Billing, Shop, stripe_events
from tests.api.billing.pictures import opened
from tests.support.callers import bearer, customer, staff
from tests.support.database import TestDatabase
from tests.support.stripe_payloads import charge, credit_note, dispute, event, invoice, refund, stripe_id
from tests.support.stripe_sandbox import RunningSandbox


async def paid_order(shop: Shop, sandbox: RunningSandbox) -> tuple[str, str]:
    """The id of a paid order, and the charge that paid it; nothing of it is told yet."""
    order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    charges = [item for item in await stripe_events(sandbox) if item["type"] == "charge.succeeded"]
    return order.order_id, charges[-1]["data"]["object"]["id"]


async def balances(billing: Billing) -> dict[str, int]:
    answer = await billing.client.get("/api/v1/staff/ledger/balances", headers=bearer(staff()))
    assert answer.status_code == 200, answer.text
    assert {row["amount"]["currency"] for row in answer.json()["data"]} <= {"EUR"}
    return {
        row["account"]: row["amount"]["amount_minor"] for row in answer.json()["data"] if row["amount"]["amount_minor"]
    }


async def entries(billing: Billing, **query: str) -> list[dict[str, Any]]:
    answer = await billing.client.get("/api/v1/staff/ledger", params=query, headers=bearer(staff()))
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def refund_of(charge_id: str, status: str, **changes: Any) -> dict[str, Any]:
    return refund(charge=charge_id, status=status, **changes)


async def test_a_purchase_is_booked_once_whatever_is_told_again(shop: Shop, sandbox: RunningSandbox) -> None:
    order_id, charge_id = await paid_order(shop, sandbox)
    told = await stripe_events(sandbox)
    await shop.billing.apply(*told, *[{**item, "id": stripe_id("evt")} for item in told[::-1]])
    assert await balances(shop.billing) == {"stripe_clearing": 2700, "revenue": -2700}
    booked = await entries(shop.billing, order_id=order_id)
    assert sorted(entry["kind"] for entry in booked) == ["capture", "invoice", "invoice_paid"]
    assert {entry["order_id"] for entry in booked} == {order_id}
    [capture] = [entry for entry in booked if entry["kind"] == "capture"]
    assert capture["stripe_id"] == charge_id
    assert {posting["account"]: posting["amount"]["amount_minor"] for posting in capture["postings"]} == {
        "stripe_clearing": 2700,
        "customer_credit": -2700,
    }
    assert await entries(shop.billing, order_id=new_id("ord")) == []


async def test_a_refund_and_a_dispute_told_before_their_charge_are_booked_and_told_with_it(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    order_id, charge_id = await paid_order(shop, sandbox)
    told = await stripe_events(sandbox)
    given_back = refund_of(charge_id, "succeeded")
    taken = dispute(charge=charge_id, amount=1500, created=1_780_000_000)
    early = [event("refund.created", given_back), event("charge.dispute.funds_withdrawn", taken)]
    await shop.billing.apply(*early)
    assert await balances(shop.billing) == {}
    assert await shop.billing.facts("billing.refund") == await shop.billing.facts("billing.dispute") == []
    await shop.billing.apply(*told, *[{**item, "id": stripe_id("evt")} for item in early])
    assert (await balances(shop.billing))["stripe_clearing"] == 2700 - 700 - 1500
    [refunded] = await shop.billing.facts("billing.refund.succeeded")
    assert (refunded["order_id"], refunded["amount_minor"], refunded["currency"]) == (order_id, 700, "EUR")
    [opened_fact] = await shop.billing.facts("billing.dispute.opened")
    assert (opened_fact["order_id"], opened_fact["amount_minor"]) == (order_id, 1500)


async def test_a_refund_that_fails_later_gives_the_money_back_to_us(shop: Shop, sandbox: RunningSandbox) -> None:
    _order_id, charge_id = await paid_order(shop, sandbox)
    await shop.billing.apply(*await stripe_events(sandbox))
    given_back = refund_of(charge_id, "pending")
    now = event("x", {})["created"]
    for second, status in enumerate(("pending", "succeeded", "failed")):
        change = {**given_back, "status": status, "failure_reason": "expired_or_canceled_card"}
        await shop.billing.apply(event("refund.updated", change, created=now + second))
        expected = 2700 if status == "failed" else 2000
        assert (await balances(shop.billing))["stripe_clearing"] == expected
    [row] = await shop.billing.rows("refunds")
    assert (row["status"], row["failure_reason"]) == ("failed", "expired_or_canceled_card")
    verbs = await shop.billing.rows("refund_history ORDER BY id", "verb, to_status")
    assert [line["to_status"] for line in verbs] == ["pending", "succeeded", "failed"]


async def test_a_won_dispute_is_told_twice_in_all_and_leaves_no_trace_in_the_balances(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    _order_id, charge_id = await paid_order(shop, sandbox)
    await shop.billing.apply(*await stripe_events(sandbox))
    item = dispute(charge=charge_id)
    now = event("x", {})["created"]
    steps = (("created", "needs_response"), ("funds_withdrawn", "needs_response"), ("funds_reinstated", "won"))
    for second, (name, status) in enumerate((*steps, ("closed", "won"))):
        happened = event(f"charge.dispute.{name}", {**item, "status": status}, created=now + second)
        await shop.billing.apply(happened, {**happened, "id": stripe_id("evt")})
    assert await balances(shop.billing) == {"stripe_clearing": 2700, "revenue": -2700}
    assert len(await shop.billing.facts("billing.dispute.opened")) == 1
    [closed] = await shop.billing.facts("billing.dispute.closed")
    assert closed["outcome"] == "won"


async def test_money_of_other_people_s_customers_is_not_booked(billing: Billing) -> None:
    stranger = charge()
    await billing.apply(
        event("charge.succeeded", stranger),
        event("refund.created", refund_of(stranger["id"], "succeeded")),
        event("charge.dispute.funds_withdrawn", dispute(charge=stranger["id"])),
        event("invoice.paid", invoice(status="paid", amount_paid=2700)),
    )
    assert await balances(billing) == {}
    assert [row["state"] for row in await billing.rows("stripe_events")] == ["done"] * 4


async def test_a_refund_of_a_charge_that_names_no_order_is_told_after_a_while(shop: Shop) -> None:
    account_id = await shop.account()
    await shop.billing.run_tasks()
    [payer] = await shop.billing.rows("payers", "stripe_customer_id")
    own = charge(customer=payer["stripe_customer_id"])
    await shop.billing.apply(event("charge.succeeded", own), event("refund.created", refund_of(own["id"], "succeeded")))
    [tell] = [job for job in clock_jobs(shop.billing.database, None, []) if job.name == "announce_waiting"]  # type: ignore[arg-type]  # not asked
    await tell.run()
    assert await shop.billing.facts("billing.refund") == []
    shop.billing.clock.ahead += timedelta(minutes=11)
    await tell.run()
    await tell.run()
    [refunded] = await shop.billing.facts("billing.refund.succeeded")
    assert (refunded["order_id"], refunded["account_id"]) == (None, account_id)


_NEW_ENTRY = "INSERT INTO entries (id, kind, stripe_id, at) VALUES (gen_random_uuid(), 'fee', 'x', now())"
_POSTED = (
    f"WITH made AS ({_NEW_ENTRY} RETURNING id) INSERT INTO postings (entry_id, account, currency, amount_minor) "
    "SELECT id, 'fees', {first} FROM made UNION ALL SELECT id, 'stripe_clearing', {second} FROM made"
)
_ADDED_LATER = (
    "INSERT INTO postings (entry_id, account, currency, amount_minor) SELECT id, account, 'USD', amount FROM entries "
    "CROSS JOIN (VALUES ('fees', 5), ('refunds', -5)) AS added (account, amount) WHERE kind = 'capture'"
)


async def test_a_credit_note_and_its_end_are_booked(shop: Shop) -> None:
    await shop.account()
    await shop.billing.run_tasks()
    [payer] = await shop.billing.rows("payers", "stripe_customer_id")
    note = credit_note(customer=payer["stripe_customer_id"])
    await shop.billing.apply(event("credit_note.created", note), event("credit_note.created", note))
    assert await balances(shop.billing) == {"revenue": 1000, "customer_credit": -1000}
    voided = {**note, "status": "void", "voided_at": note["created"] + 5}
    await shop.billing.apply(event("credit_note.voided", voided))
    assert await balances(shop.billing) == {}
    assert [row["status"] for row in await shop.billing.rows("credit_notes")] == ["void"]


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("UPDATE postings SET amount_minor = amount_minor + 1", "23001"),
        ("UPDATE entries SET kind = 'refund'", "23001"),
        ("DELETE FROM postings", "23001"),
        ("DELETE FROM entries", "23001"),
        ("TRUNCATE entries, postings", "23001"),
        (_NEW_ENTRY, "23514"),
        (
            _POSTED.format(first="'EUR', 5", second="'EUR', -4"),
            "23514",
        ),
        (
            _POSTED.format(first="'EUR', 5", second="'USD', -5"),
            "23514",
        ),
        (_ADDED_LATER, "23514"),
    ],
)  # fmt: skip
async def test_the_database_refuses_what_is_no_entry_and_every_change(
    shop: Shop, sandbox: RunningSandbox, statement: str, state: str
) -> None:
    await paid_order(shop, sandbox)
    await shop.billing.apply(*await stripe_events(sandbox))
    before = await shop.billing.rows("postings ORDER BY entry_id, account")
    with pytest.raises(DBAPIError) as refused:
        await shop.billing.execute(statement)
    assert sqlstate(refused.value) == state
    assert await shop.billing.rows("postings ORDER BY entry_id, account") == before


async def test_an_installation_of_before_books_what_it_holds_once(
    shop: Shop, sandbox: RunningSandbox, fresh_database: TestDatabase
) -> None:
    order_id, charge_id = await paid_order(shop, sandbox)
    await shop.billing.apply(*await stripe_events(sandbox))
    early, late = refund_of(charge_id, "succeeded", amount=300), refund_of(charge_id, "succeeded", amount=200)
    own = {**(await the_charge(sandbox, charge_id)), "amount_refunded": 500}
    # Earlier versions ignored refunds (of the first not even the event is left) and knew no ledger.
    await shop.billing.apply(event("refund.created", late), event("charge.refunded", own))
    await before_the_ledger(fresh_database)
    assert await balances(shop.billing) == {}
    await book_before(shop.billing.database)
    await shop.billing.process()
    for _ in range(2):
        await book_before(shop.billing.database)
    expected = {"stripe_clearing": 2700 - 500, "revenue": -2700, "refunds": 500}
    assert await balances(shop.billing) == expected
    kinds = sorted(entry["kind"] for entry in await entries(shop.billing, order_id=order_id))
    assert kinds == ["capture", "invoice", "invoice_paid", "refund", "refund"]
    # What is heard of the old refund now adds nothing, but may give it back.
    now = event("x", {})["created"]
    await shop.billing.apply(event("refund.updated", early, created=now))
    assert await balances(shop.billing) == expected
    await shop.billing.apply(event("refund.failed", {**early, "status": "failed"}, created=now + 1))
    assert (await balances(shop.billing))["refunds"] == 200


async def the_charge(sandbox: RunningSandbox, charge_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await sandbox.control.get(f"/v1/charges/{charge_id}")).json()
    return found


async def before_the_ledger(database: TestDatabase) -> None:
    """The database as an upgrade from the version before finds it. Only an administrator gets past the triggers."""
    connection = await asyncpg.connect(database.admin_url)
    try:
        await connection.execute(
            """
            SET session_replication_role = replica;
            SET search_path = billing;
            DELETE FROM postings; DELETE FROM entries;
            DELETE FROM refunds; DELETE FROM disputes; DELETE FROM credit_notes;
            UPDATE payments SET charged_at = NULL, fee = NULL;
            UPDATE invoices SET finalized_at = NULL, balance_applied_minor = 0;
            UPDATE stripe_events SET outcome = 'ignored' WHERE type = 'refund.created';
            DELETE FROM ledger_backfill;
            INSERT INTO ledger_backfill (name, after_key) VALUES ('events', ''), ('payments', ''), ('invoices', '');
            """
        )
    finally:
        await connection.close()


async def test_only_staff_who_may_read_billing_see_the_ledger(billing: Billing) -> None:
    for path in ("/api/v1/staff/ledger", "/api/v1/staff/ledger/balances"):
        assert (await billing.client.get(path)).status_code == 401
        assert (await billing.client.get(path, headers=bearer(customer(new_id("acc"))))).status_code == 403


async def test_the_ledger_is_read_page_by_page(shop: Shop, sandbox: RunningSandbox) -> None:
    await paid_order(shop, sandbox)
    await shop.billing.apply(*await stripe_events(sandbox))
    everything = [entry["id"] for entry in await entries(shop.billing)]
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        answer = await shop.billing.client.get("/api/v1/staff/ledger", params=query, headers=bearer(staff()))
        seen += [entry["id"] for entry in answer.json()["data"]]
        if answer.json()["next_cursor"] is None:
            break
        query["cursor"] = answer.json()["next_cursor"]
    assert seen == everything
    assert len(seen) == 3
