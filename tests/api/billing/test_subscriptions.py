"""What customers and staff see of what renews, and two years of it on a customer's own clock."""

from datetime import UTC, datetime
from typing import Any

from shared.contracts.intervals import Recurrence
from tests.api.billing.carts import Line, cart, hear_stripe
from tests.api.billing.conftest import Billing, Shop
from tests.support.callers import bearer, customer, staff
from tests.support.stripe_payloads import event
from tests.support.stripe_sandbox import RunningSandbox


async def read(billing: Billing, path: str, headers: dict[str, str]) -> Any:
    answer = await billing.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_customer_sees_what_renews_and_what_it_costs(shop: Shop, sandbox: RunningSandbox) -> None:
    monthly, yearly = Line(quantity=2, fee=300), Line("year", amount=9000)
    once = Line("one_time", amount=4000)
    order = await (await cart(shop, sandbox, monthly, yearly, once)).pay()
    await order.deliver(monthly)
    await shop.billing.open_checkout(shop.order(order.account_id))  # unpaid, so nothing renews of it
    page = await read(shop.billing, "/api/v1/subscriptions", bearer(customer(order.account_id)))
    shown = {entry["interval"]: entry for entry in page["data"]}
    assert sorted(shown) == ["month", "year"]
    assert shown["month"]["item_ids"] == [monthly.item_id]
    assert shown["month"]["total"] == {"amount_minor": 2000, "currency": "EUR"}
    assert (shown["month"]["status"], shown["year"]["status"]) == ("active", "waiting")
    assert shown["month"]["next_charge_at"] is not None
    assert (shown["year"]["next_charge_at"], shown["month"]["ends_at"]) == (None, None)


async def test_a_planned_end_is_shown_and_no_charge_after_it(shop: Shop, sandbox: RunningSandbox) -> None:
    order = await (await cart(shop, sandbox, Line())).pay()
    [made] = await order.subscriptions()
    await sandbox.stripe.v1.subscriptions.update_async(made["id"], {"cancel_at_period_end": True})
    await order.settle()
    await order.settle()
    [entry] = (await read(shop.billing, "/api/v1/subscriptions", bearer(customer(order.account_id))))["data"]
    assert entry["next_charge_at"] is None
    assert entry["ends_at"] is not None


async def test_nobody_sees_what_renews_for_others(shop: Shop, sandbox: RunningSandbox) -> None:
    order = await (await cart(shop, sandbox, Line())).pay()
    other = await shop.account("eve@example.com")
    assert (await read(shop.billing, "/api/v1/subscriptions", bearer(customer(other))))["data"] == []
    path = "/api/v1/staff/subscriptions"
    shown = await read(shop.billing, f"{path}?order_id={order.order_id}", bearer(staff("support")))
    assert [entry["order_id"] for entry in shown["data"]] == [order.order_id]
    assert (await shop.billing.client.get(path, headers=bearer(staff("support")))).status_code == 422
    refused = await shop.billing.client.get(
        f"{path}?order_id={order.order_id}", headers=bearer(customer(order.account_id))
    )
    assert refused.status_code == 403


async def test_the_overview_counts_what_needs_a_person_and_todays_money(shop: Shop, sandbox: RunningSandbox) -> None:
    for amount in (700, 800):
        await (await cart(shop, sandbox, Line(amount=amount))).pay()
    await shop.billing.apply(event("invoice.paid", {"id": "in_1", "object": "invoice"}))
    await shop.billing.execute("UPDATE stripe_tasks SET state = 'dead' WHERE kind = 'ensure_customer'")
    shown = await read(shop.billing, "/api/v1/staff/overview/billing", bearer(staff("finance")))
    assert (shown["dead_events"], shown["parked_events"], shown["dead_tasks"]) == (1, 0, 2)
    assert (shown["dead_letters"], shown["open_disputes"]) == (0, 0)
    assert shown["received_today"] == [{"amount_minor": 1500, "currency": "EUR"}]


async def test_staff_see_whose_event_it_was(shop: Shop, sandbox: RunningSandbox) -> None:
    order = await (await cart(shop, sandbox, Line())).pay()
    page = await read(shop.billing, "/api/v1/staff/stripe-events?type=invoice.paid", bearer(staff("finance")))
    [entry] = page["data"]
    assert entry["customer"] == {
        "account_id": order.account_id,
        "name": "Analytical Engines",
        "email": "ada@example.com",
    }
    detail = await read(shop.billing, f"/api/v1/staff/stripe-events/{entry['id']}", bearer(staff("finance")))
    assert detail["customer"] == entry["customer"]


async def test_26_months_pass_in_seconds_and_every_one_is_charged_once(
    clocked_shop: Shop, sandbox: RunningSandbox
) -> None:
    order = await (await cart(clocked_shop, sandbox, Line(), Line("year", amount=9000))).pay()
    delivered = datetime.now(UTC).replace(microsecond=0)
    await order.deliver(at=delivered)
    payer = (await order.row())["stripe_customer_id"]
    to = Recurrence("month", 26).after(delivered)
    arrived = await clocked_shop.billing.payments.advance_clock(payer, to)
    assert arrived == to
    await clocked_shop.billing.payments.advance_clock(payer, delivered)  # it never goes back
    await hear_stripe(clocked_shop, sandbox)
    await order.settle()
    renewals = await order.facts("subscription.renewed")
    ends: dict[int, list[str]] = {}
    for fact in renewals:
        ends.setdefault(fact["amount_minor"], []).append(fact["period_end"])
    # The draft of the 26th month is not due yet.
    assert {amount: len(set(moments)) for amount, moments in ends.items()} == {1000: 25, 9000: 2}
    assert len(renewals) == 27


async def test_a_clock_that_fell_behind_is_brought_to_the_present_before_its_customer_buys(
    clocked_shop: Shop, sandbox: RunningSandbox
) -> None:
    account = await clocked_shop.account()
    await clocked_shop.billing.run_tasks()
    [clock] = (await sandbox.stripe.v1.test_helpers.test_clocks.list_async()).data
    order = await cart(clocked_shop, sandbox, Line(), account_id=account)
    same = await sandbox.stripe.v1.test_helpers.test_clocks.retrieve_async(clock.id)
    assert same.frozen_time == clock.frozen_time  # seconds do not matter
    payments = clocked_shop.billing.payments
    behind = await sandbox.stripe.v1.test_helpers.test_clocks.create_async(
        {"frozen_time": clock.frozen_time - 3 * 24 * 3600}
    )
    late = await sandbox.stripe.v1.customers.create_async({"test_clock": behind.id})
    await payments.keep_up(late.id)
    moved = await sandbox.stripe.v1.test_helpers.test_clocks.retrieve_async(behind.id)
    assert moved.frozen_time >= clock.frozen_time
    await payments.keep_up((await sandbox.stripe.v1.customers.create_async({"name": "no clock"})).id)
    assert (await order.row())["status"] == "open"
