"""Invoices for customers, Stripe's events for staff: who may see what, page by page."""

from typing import Any

import pytest

from shared.kernel import encode_id, new_id
from tests.api.billing.conftest import Billing, Shop, stripe_events
from tests.support.callers import bearer, customer, staff
from tests.support.stripe_payloads import event, session
from tests.support.stripe_sandbox import RunningSandbox


async def bought(shop: Shop, sandbox: RunningSandbox) -> str:
    """An account with one paid order."""
    account = await shop.account()
    order = shop.order(account)
    assert (await shop.billing.open_checkout(order)).status_code == 200
    rows = await shop.billing.rows("checkouts ORDER BY id", "stripe_session_id")
    await sandbox.pay(rows[-1]["stripe_session_id"])
    await shop.billing.apply(*await stripe_events(sandbox))
    return account


async def get(billing: Billing, path: str, who: dict[str, str], **params: Any) -> Any:
    return await billing.client.get(f"/api/v1{path}", headers=who, params=params)


async def test_a_customer_sees_a_paid_invoice_with_its_links(shop: Shop, sandbox: RunningSandbox) -> None:
    account = await bought(shop, sandbox)
    mine = bearer(customer(account))
    listed = await get(shop.billing, "/invoices", mine)
    [shown] = listed.json()["data"]
    assert set(shown) == {
        "id", "number", "status", "order_id", "total", "amount_paid", "currency", "created_at", "paid_at",
        "hosted_invoice_url", "pdf_url",
    }  # fmt: skip
    assert (shown["status"], shown["total"]) == ("paid", {"amount_minor": 2700, "currency": "EUR"})
    assert shown["amount_paid"] == shown["total"]
    assert shown["created_at"].endswith("Z")
    assert (await get(shop.billing, f"/invoices/{shown['id']}", mine)).json() == shown


async def test_an_invoice_of_another_account_does_not_exist(shop: Shop, sandbox: RunningSandbox) -> None:
    await bought(shop, sandbox)
    [row] = await shop.billing.rows("invoices", "id")
    other = bearer(customer())
    answer = await get(shop.billing, f"/invoices/{encode_id('inv', row['id'])}", other)
    assert answer.status_code == 404
    assert (await get(shop.billing, "/invoices", other)).json() == {
        "data": [],
        "next_cursor": None,
        "previous_cursor": None,
    }


_STRANGERS = ["1", "inv_1", new_id("ord"), new_id("inv"), "inv_" + "z" * 26, "%00"]


@pytest.mark.parametrize("identity", _STRANGERS, ids=["number", "short", "order", "unknown", "too-large", "NUL"])
async def test_an_invoice_that_is_none_is_not_found(billing: Billing, identity: str) -> None:
    assert (await get(billing, f"/invoices/{identity}", bearer(customer()))).status_code == 404


async def test_invoices_are_listed_page_by_page(shop: Shop, sandbox: RunningSandbox) -> None:
    account = await bought(shop, sandbox)
    [subscription] = await shop.billing.rows("subscriptions", "stripe_subscription_id")
    for _period in range(4):
        path = f"/_sandbox/subscriptions/{subscription['stripe_subscription_id']}/renew"
        assert (await sandbox.control.post(path, json={})).status_code == 200
    await shop.billing.apply(*await stripe_events(sandbox))
    seen, cursor, mine = [], None, bearer(customer(account))
    while True:
        page = (await get(shop.billing, "/invoices", mine, limit=2, **({"cursor": cursor} if cursor else {}))).json()
        seen += [item["id"] for item in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("path", ["/invoices", "/staff/stripe-events"])
@pytest.mark.parametrize("params", [{"cursor": "!!"}, {"cursor": "aXZh"}, {"limit": 0}, {"limit": 101}, {"limit": "x"}])
async def test_a_bad_page_is_refused(billing: Billing, path: str, params: dict[str, Any]) -> None:
    who = bearer(staff()) if "staff" in path else bearer(customer())
    assert (await get(billing, path, who, **params)).status_code in (400, 422)


async def test_staff_see_every_event_newest_first_and_can_narrow_the_list(billing: Billing) -> None:
    made = [event("customer.created", {"id": "cus_1"}) for _ in range(5)]
    parked = event("checkout.session.completed", session())
    await billing.apply(*made, parked)
    boss = bearer(staff())
    first = (await get(billing, "/staff/stripe-events", boss, limit=4)).json()
    assert [item["id"] for item in first["data"]] == [parked["id"], *(item["id"] for item in made[:1:-1])]
    rest = (await get(billing, "/staff/stripe-events", boss, limit=4, cursor=first["next_cursor"])).json()
    assert [item["id"] for item in rest["data"]] == [item["id"] for item in made[1::-1]]
    assert rest["next_cursor"] is None
    held = (await get(billing, "/staff/stripe-events", boss, state="parked")).json()["data"]
    assert [item["id"] for item in held] == [parked["id"]]
    assert "belongs to no checkout" in held[0]["last_error"]
    kind = (await get(billing, "/staff/stripe-events", boss, type="customer.created", state="done")).json()["data"]
    assert len(kind) == 5
    assert {item["outcome"] for item in kind} == {"ignored"}


async def test_staff_see_an_events_payload_without_client_secrets(billing: Billing) -> None:
    made = event("payment_intent.created", {"id": "pi_1", "client_secret": "pi_1_secret_x", "amount": 5})
    await billing.apply(made)
    answer = await get(billing, f"/staff/stripe-events/{made['id']}", bearer(staff()))
    assert "pi_1_secret_x" not in answer.text
    assert answer.json()["payload"]["data"]["object"] == {"id": "pi_1", "client_secret": "[redacted]", "amount": 5}
    assert answer.json()["processed_at"] is not None


async def test_an_event_shows_the_order_it_was_about(shop: Shop, sandbox: RunningSandbox) -> None:
    await bought(shop, sandbox)
    boss = bearer(staff())
    kind = "checkout.session.completed"
    [shown] = (await get(shop.billing, "/staff/stripe-events", boss, type=kind)).json()["data"]
    [fact] = await shop.billing.facts("billing.checkout.paid")
    assert shown["order_id"] == fact["order_id"]
    assert shown["outcome"] in ("paid", "already paid")


async def replay(billing: Billing, event_id: str, who: dict[str, str] | None = None) -> Any:
    caller = bearer(staff()) if who is None else who
    return await billing.client.post(f"/api/v1/staff/stripe-events/{event_id}/replay", headers=caller)


async def test_a_parked_event_can_be_replayed_once_its_cause_is_gone(shop: Shop) -> None:
    order = shop.order(await shop.account())
    await shop.billing.open_checkout(order)
    [row] = await shop.billing.rows("checkouts", "stripe_session_id, stripe_customer_id")
    await shop.billing.execute("UPDATE checkouts SET stripe_session_id = 'cs_other'")
    made = event("checkout.session.completed", session(id=row["stripe_session_id"], customer=row["stripe_customer_id"]))
    await shop.billing.apply(made)
    assert (await shop.billing.stored(made["id"])).state == "parked"
    await shop.billing.execute("UPDATE checkouts SET stripe_session_id = :id", id=row["stripe_session_id"])
    assert (await replay(shop.billing, made["id"])).status_code == 202
    assert (await replay(shop.billing, made["id"])).status_code == 202
    await shop.billing.process()
    assert (await shop.billing.stored(made["id"])).state == "done"
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1


async def test_a_processed_event_is_not_replayed_but_an_ignored_one_may_be(shop: Shop, sandbox: RunningSandbox) -> None:
    await bought(shop, sandbox)
    rows = await shop.billing.rows("stripe_events", "id, type, outcome")
    done = next(row["id"] for row in rows if row["type"] == "invoice.paid")
    ignored = next(row["id"] for row in rows if row["outcome"] == "ignored")
    assert (await replay(shop.billing, done)).status_code == 409
    assert (await replay(shop.billing, ignored)).status_code == 202
    assert await shop.billing.process() == 1


@pytest.mark.parametrize("identity", ["evt_unknown", "in_1", "evt_'--", "evt_%00", "evt_" + "x" * 300])
async def test_an_event_that_is_none_is_not_found(billing: Billing, identity: str) -> None:
    assert (await get(billing, f"/staff/stripe-events/{identity}", bearer(staff()))).status_code == 404
    assert (await replay(billing, identity)).status_code == 404


@pytest.mark.parametrize("params", [{"state": "unknown"}, {"type": "Invoice paid"}, {"type": "x" * 101}])
async def test_a_bad_filter_is_refused(billing: Billing, params: dict[str, str]) -> None:
    assert (await get(billing, "/staff/stripe-events", bearer(staff()), **params)).status_code == 422


async def test_only_staff_see_events(billing: Billing) -> None:
    for path in ("/staff/stripe-events", "/staff/stripe-events/evt_1", "/staff/dead-letters/billing"):
        assert (await get(billing, path, bearer(customer()))).status_code == 403
        assert (await get(billing, path, {})).status_code == 401
    assert (await replay(billing, "evt_1", bearer(customer()))).status_code == 403


async def test_dead_events_are_among_the_dead_letters_and_can_be_replayed_there(billing: Billing) -> None:
    made = event("invoice.paid", {"id": "in_1"})
    await billing.apply(made)
    boss = bearer(staff())
    [letter] = (await get(billing, "/staff/dead-letters/billing", boss)).json()["data"]
    assert (letter["queue"], letter["id"], letter["label"]) == ("stripe_events", made["id"], "invoice.paid")
    path = f"/api/v1/staff/dead-letters/billing/stripe_events/{made['id']}/replay"
    assert (await billing.client.post(path, headers=boss)).status_code == 202
    assert (await billing.stored(made["id"])).state == "ready"
