"""An order of things that renew apart: paid on one page, then renewed, failed and ended without touching each other."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.intervals import Recurrence
from shared.kernel import new_id
from tests.api.billing.carts import Cart, Line, cart, hear_stripe
from tests.api.billing.conftest import Shop
from tests.support.stripe_payloads import charge, event
from tests.support.stripe_sandbox import RunningSandbox


async def advance(order: Cart, to: datetime) -> None:
    """Moves the customer's time at Stripe, and lets billing hear of what happened."""
    row = await order.row()
    await order.shop.billing.payments.advance_clock(row["stripe_customer_id"], to)
    await hear_stripe(order.shop, order.sandbox)
    await order.settle()


def item_ids(facts: list[dict[str, Any]]) -> set[str]:
    return {item_id for fact in facts for item_id in fact["item_ids"]}


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def test_two_monthly_servers_a_yearly_one_and_a_fee_live_and_die_apart(
    clocked_shop: Shop, sandbox: RunningSandbox
) -> None:
    monthly, yearly = Line("month", quantity=2, amount=1200, fee=150), Line("year", amount=12000)
    order = await (await cart(clocked_shop, sandbox, monthly, yearly)).pay()
    [paid] = await order.facts("checkout.paid")
    assert (paid["amount_minor"], set(paid["item_ids"])) == (14700, {monthly.item_id, yearly.item_id})
    [receipt] = await order.facts("invoice.paid")
    assert (receipt["amount_minor"], set(receipt["item_ids"])) == (14700, {monthly.item_id, yearly.item_id})
    assert await order.subscriptions() == []

    delivered = datetime.now(UTC).replace(microsecond=0)
    await order.deliver(at=delivered)
    by_interval = {
        made["items"]["data"][0]["price"]["recurring"]["interval"]: made for made in await order.subscriptions()
    }
    assert sorted(by_interval) == ["month", "year"]
    for interval, made in by_interval.items():
        assert made["status"] == "trialing"
        assert moment(made["trial_end"]) == Recurrence(interval, 1).after(delivered)  # type: ignore[arg-type]  # a word
    started = {fact["interval"]: fact for fact in await order.facts("subscription.started")}
    assert started["month"]["item_ids"] == [monthly.item_id]
    assert started["year"]["item_ids"] == [yearly.item_id]

    first = Recurrence("month", 1).after(delivered)
    await advance(order, first + timedelta(hours=2))
    [renewed] = await order.facts("subscription.renewed")
    assert (renewed["amount_minor"], renewed["item_ids"]) == (2400, [monthly.item_id])
    assert datetime.fromisoformat(renewed["period_end"]) == Recurrence("month", 2).after(delivered)

    failing = by_interval["month"]["id"]
    await sandbox.stripe.v1.subscriptions.update_async(
        failing, {"default_payment_method": "pm_card_chargeCustomerFail"}
    )
    await advance(order, Recurrence("month", 2).after(delivered) + timedelta(hours=2))
    [late] = await order.facts("subscription.past_due")
    assert (late["subscription_id"], late["item_ids"]) == (failing, [monthly.item_id])
    await advance(order, Recurrence("month", 2).after(delivered) + timedelta(days=20))
    [ended] = await order.facts("subscription.ended")
    assert (ended["item_ids"], ended["reason"]) == ([monthly.item_id], "canceled")

    yearly_facts = [fact for fact in await order.facts("subscription") if yearly.item_id in fact["item_ids"]]
    assert [fact["interval"] for fact in yearly_facts] == ["year"]  # it started, and nothing else was ever said of it
    assert len(await order.facts("checkout.paid")) == 1
    assert await order.facts("payment") == []


async def test_a_card_that_works_again_recovers_what_was_past_due(clocked_shop: Shop, sandbox: RunningSandbox) -> None:
    order = await (await cart(clocked_shop, sandbox, Line())).pay(card="4000000000000341")
    await order.deliver()
    [made] = await order.subscriptions()
    ends = moment(made["items"]["data"][0]["current_period_end"])
    await advance(order, ends + timedelta(hours=2))
    assert len(await order.facts("subscription.past_due")) == 1
    await sandbox.stripe.v1.subscriptions.update_async(made["id"], {"default_payment_method": "pm_card_visa"})
    await advance(order, ends + timedelta(days=4))
    [recovered] = await order.facts("subscription.recovered")
    assert recovered["item_ids"] == [order.lines[0].item_id]
    assert len(await order.facts("subscription.renewed")) == 1
    assert await order.facts("subscription.ended") == []


async def test_late_delivery_moves_the_next_charge_by_exactly_the_delay_once(
    clocked_shop: Shop, sandbox: RunningSandbox
) -> None:
    order = await (await cart(clocked_shop, sandbox, Line(), Line(amount=500))).pay()
    [made] = await order.subscriptions()
    ends = made["items"]["data"][0]["current_period_end"]
    paid_at = (await order.row())["paid_at"]
    for _told in range(3):
        await order.deliver(at=paid_at + timedelta(days=3))
    [moved] = await order.subscriptions()
    assert moved["items"]["data"][0]["current_period_end"] == ends + 3 * 24 * 3600
    [fact] = await order.facts("subscription.rescheduled")
    assert datetime.fromisoformat(fact["period_end"]) == moment(ends) + timedelta(days=3)
    assert set(fact["item_ids"]) == {line.item_id for line in order.lines}
    await advance(order, moment(ends) + timedelta(days=1))
    assert await order.facts("subscription.renewed") == []
    await advance(order, moment(ends) + timedelta(days=3, hours=2))
    [renewed] = await order.facts("subscription.renewed")
    assert renewed["amount_minor"] == 1500
    assert len(await order.facts("invoice.paid")) == 2


async def test_delivery_within_the_hour_moves_nothing(shop: Shop, sandbox: RunningSandbox) -> None:
    order = await (await cart(shop, sandbox, Line())).pay()
    await order.deliver(at=(await order.row())["paid_at"] + timedelta(minutes=59))
    [made] = await order.subscriptions()
    assert (made["status"], made["trial_end"]) == ("active", None)
    assert await order.facts("subscription.rescheduled") == []


async def test_one_price_for_two_items_is_one_line_at_stripe_and_two_items_in_every_fact(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    first, second = Line(quantity=2), Line(quantity=1)
    second.price_id = first.price_id
    order = await (await cart(shop, sandbox, first, second)).pay()
    [made] = await order.subscriptions()
    assert [item["quantity"] for item in made["items"]["data"]] == [3]
    [started] = await order.facts("subscription.started")
    assert set(started["item_ids"]) == {first.item_id, second.item_id}
    await order.end(second, new_id("ent"))
    [made] = await order.subscriptions()
    assert [item["quantity"] for item in made["items"]["data"]] == [2]


async def test_what_ended_is_charged_no_more_and_the_last_unit_ends_the_subscription(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    servers, other = Line(quantity=2), Line(amount=500)
    order = await (await cart(shop, sandbox, servers, other)).pay()
    one, two, three = (new_id("ent") for _ in range(3))
    await order.end(servers, one)
    await order.end(servers, one)  # told twice
    [made] = await order.subscriptions()
    assert {item["price"]["unit_amount"]: item["quantity"] for item in made["items"]["data"]} == {1000: 1, 500: 1}
    await order.end(servers, one, version=3, restored=True)
    [made] = await order.subscriptions()
    assert {item["price"]["unit_amount"]: item["quantity"] for item in made["items"]["data"]} == {1000: 2, 500: 1}
    await order.end(servers, one, version=2)  # an older fact, told late
    await order.end(servers, one, version=4)
    await order.end(servers, two)
    [made] = await order.subscriptions()
    assert {item["price"]["unit_amount"]: item["quantity"] for item in made["items"]["data"]} == {500: 1}
    await order.end(other, three)
    [made] = await order.subscriptions()
    assert made["status"] == "canceled"
    [ended] = await order.facts("subscription.ended")
    assert set(ended["item_ids"]) == {servers.item_id, other.item_id}
    assert [entry["total"] for entry in (await invoices(sandbox))] == [2500]


async def invoices(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await sandbox.control.get("/v1/invoices", params={"limit": 100})).json()["data"]
    return found


async def test_what_is_restored_after_its_subscription_ended_waits_for_a_person(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    order = await (await cart(shop, sandbox, Line())).pay()
    unit = new_id("ent")
    await order.end(order.lines[0], unit)
    await order.end(order.lines[0], unit, version=3, restored=True)
    [task] = await shop.billing.rows("stripe_tasks WHERE state = 'parked'", "kind, last_error")
    assert task["kind"] == "adjust_subscription"
    assert "was restored" in task["last_error"]
    assert [made["status"] for made in await order.subscriptions()] == ["canceled"]


async def test_an_item_that_ended_before_it_was_delivered_is_never_charged_again(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    kept, given_up, yearly = Line(), Line(amount=700), Line("year")
    order = await (await cart(shop, sandbox, kept, given_up, yearly)).pay()
    await order.deliver(kept)
    assert await order.subscriptions() == []
    await order.end(given_up, new_id("ent"))
    [made] = await order.subscriptions()
    assert [item["price"]["unit_amount"] for item in made["items"]["data"]] == [1000]


async def test_a_renewal_that_fails_is_not_filed_under_another_open_order_of_its_amount(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    bought = await (await cart(shop, sandbox, Line(fee=500))).pay()
    waiting = await cart(shop, sandbox, Line(), account_id=bought.account_id)  # costs what the other renews for
    [made] = await bought.subscriptions()
    await sandbox.control.post(f"/_sandbox/subscriptions/{made['id']}/renew", json={"outcome": "decline"})
    await hear_stripe(shop, sandbox)
    await bought.settle()
    assert await waiting.facts("payment.failed") == []
    assert len(await bought.facts("subscription.past_due")) == 1
    failed = await shop.billing.rows("payments WHERE status = 'failed'", "order_id")
    assert [row["order_id"] for row in failed] == [None]


async def test_a_first_card_that_is_refused_is_still_told_by_its_amount_alone(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    waiting = await cart(shop, sandbox, Line())
    refused = charge(amount=1000, customer=(await waiting.row())["stripe_customer_id"], status="failed")
    await shop.billing.apply(event("charge.failed", refused))
    [told] = await waiting.facts("payment.failed")
    assert told["order_id"] == waiting.order_id


async def test_what_an_older_catalog_leaves_nameless_is_named_when_it_is_told(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    account = await shop.account()
    order = shop.order(account)
    assert (await shop.billing.open_checkout(order)).status_code == 200
    [row] = await shop.billing.rows("checkouts", "stripe_session_id")
    await sandbox.pay(row["stripe_session_id"])
    await hear_stripe(shop, sandbox)
    [paid] = await shop.billing.facts("billing.checkout.paid")
    assert paid["item_ids"] == []
    line = Line(price_id=shop.price_id)
    known = Cart(shop, sandbox, [line], account, order_id=order.order_id)
    await known.end(line, new_id("ent"))
    [made] = await known.subscriptions()
    assert made["items"]["data"][0]["quantity"] == 1
    [item] = await shop.billing.rows("payment_group_items", "live_units")
    assert item["live_units"] == 1


async def test_two_changes_within_one_second_are_settled_by_asking_stripe(shop: Shop, sandbox: RunningSandbox) -> None:
    order = await (await cart(shop, sandbox, Line())).pay()
    [made] = await order.subscriptions()
    second = int(datetime.now(UTC).timestamp()) + 5
    failing = event("customer.subscription.updated", {**made, "status": "past_due"}, created=second, id="evt_zz")
    renewed = event("customer.subscription.updated", made, created=second, id="evt_aa")
    for arrival in ([failing, renewed], [renewed, failing]):
        await shop.billing.execute("DELETE FROM stripe_events WHERE id IN ('evt_zz', 'evt_aa')")
        await shop.billing.execute("DELETE FROM stripe_tasks WHERE kind = 'fetch_subscription'")
        await shop.billing.apply(*arrival)
        await shop.billing.run_tasks()
        assert [row["status"] for row in await shop.billing.rows("subscriptions", "status")] == ["active"]
        assert [row["announced"] for row in await shop.billing.rows("payment_groups", "announced")] == ["started"]
