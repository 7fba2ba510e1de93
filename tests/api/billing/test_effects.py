"""What Stripe's events do to orders: paid once, in any order, and only by money that matches."""

import asyncio
import itertools
import random

import pytest

from services.billing.domain import words_for
from services.billing.jobs import EventProcessor
from services.billing.use_cases import apply_event
from tests.api.billing.conftest import Shop, stripe_events
from tests.api.billing.pictures import forget, opened, picture
from tests.support.stripe_payloads import charge, event, failed_intent, invoice, session, subscription
from tests.support.stripe_sandbox import RunningSandbox

PURCHASE = (
    "checkout.session.completed",
    "customer.subscription.created",
    "invoice.created",
    "invoice.finalized",
    "invoice.paid",
)


async def test_a_purchase_is_announced_once_with_what_the_order_asked_for(shop: Shop, sandbox: RunningSandbox) -> None:
    order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    await shop.billing.apply(*await stripe_events(sandbox))
    [paid] = await shop.billing.facts("billing.checkout.paid")
    assert paid["order_id"] == order.order_id
    assert (paid["account_id"], paid["amount_minor"], paid["currency"]) == (order.account_id, 2700, "EUR")
    assert paid["stripe_subscription_id"].startswith("sub_")
    [receipt] = await shop.billing.facts("billing.invoice.paid")
    assert (receipt["order_id"], receipt["amount_minor"], receipt["currency"]) == (order.order_id, 2700, "EUR")
    assert receipt["number"]
    assert receipt["hosted_invoice_url"]
    unfinished = await shop.billing.rows("stripe_events WHERE state <> 'done'", "type, state, last_error")
    assert unfinished == []
    [row] = await shop.billing.rows("subscriptions")
    assert (row["status"], row["cancel_at_period_end"]) == ("active", False)


@pytest.mark.fault(10)
async def test_every_order_of_arrival_of_a_purchase_leads_to_the_same_state(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    made = {item["type"]: item for item in await stripe_events(sandbox)}
    pictures = []
    for arrival in itertools.permutations(PURCHASE):
        await forget(shop)
        await shop.billing.apply(*(made[kind] for kind in arrival))
        pictures.append(await picture(shop))
    assert len(pictures) == 120
    assert all(later == pictures[0] for later in pictures)
    assert pictures[0]["checkouts"][0]["status"] == "paid"
    assert len(pictures[0]["facts"]) == 3


async def test_a_decline_and_then_a_success_in_any_order_end_paid(shop: Shop, sandbox: RunningSandbox) -> None:
    order, session_id = await opened(shop)
    await sandbox.pay(session_id, "decline")
    await sandbox.pay(session_id, "success")
    events = [item for item in await stripe_events(sandbox) if item["type"].partition(".")[0] in _MONEY]
    shuffled = random.Random(7)  # a fixed sample of the many orders
    arrivals = [events, events[::-1]] + [shuffled.sample(events, len(events)) for _ in range(25)]
    for arrival in arrivals:
        await forget(shop)
        await shop.billing.apply(*arrival)
        seen = await picture(shop)
        assert [row["status"] for row in seen["checkouts"]] == ["paid"]
        assert sorted(row["status"] for row in seen["payments"]) == ["failed", "succeeded"]
        kinds = [kind for kind in await fact_kinds(shop) if kind != "billing.payment.failed.v1"]
        assert sorted(kinds) == [
            "billing.checkout.paid.v1",
            "billing.invoice.paid.v1",
            "billing.subscription.started.v1",
        ]
        assert len(await shop.billing.facts("billing.payment.failed")) <= 1
    await forget(shop)
    await shop.billing.apply(*events)
    [failed] = await shop.billing.facts("billing.payment.failed")
    assert (failed["order_id"], failed["code"]) == (order.order_id, "card_declined")
    assert "Try another card" in failed["message"]


_MONEY = ("checkout", "invoice", "customer", "charge", "payment_intent")


async def fact_kinds(shop: Shop) -> list[str]:
    return [row["type"] for row in await shop.billing.rows("outbox", "type")]


async def test_both_proofs_arriving_together_pay_once(shop: Shop, sandbox: RunningSandbox) -> None:
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    for item in await stripe_events(sandbox):
        assert (await shop.billing.deliver(item)).status_code == 200
    processor = EventProcessor(shop.billing.database, shop.billing.events)
    async with shop.billing.database.work() as work:
        claimed = await shop.billing.events.claim(work.session, 100)
    await asyncio.gather(*(processor.handle(item) for item in claimed))
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1
    assert len(await shop.billing.facts("billing.invoice.paid")) == 1


async def test_a_declined_card_leaves_the_session_open(shop: Shop, sandbox: RunningSandbox) -> None:
    order, session_id = await opened(shop)
    await sandbox.pay(session_id, "decline", card="4000000000009995")
    await shop.billing.apply(*await stripe_events(sandbox))
    [failed] = await shop.billing.facts("billing.payment.failed")
    assert (failed["order_id"], failed["code"]) == (order.order_id, "insufficient_funds")
    assert [row["status"] for row in await shop.billing.rows("checkouts")] == ["open"]
    assert await shop.billing.facts("billing.checkout") == []


async def test_a_failed_authentication_is_told_once_though_no_charge_was_made(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    order, session_id = await opened(shop)
    await sandbox.pay(session_id, "3ds_fail")
    await shop.billing.apply(*await stripe_events(sandbox))
    [failed] = await shop.billing.facts("billing.payment.failed")
    assert (failed["order_id"], failed["code"]) == (order.order_id, "payment_intent_authentication_failure")


async def test_two_open_orders_of_one_customer_are_told_apart_by_the_session_on_the_payment(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    account = await shop.account()
    first, second = shop.order(account), shop.order(account)
    for order in (first, second):
        assert (await shop.billing.open_checkout(order)).status_code == 200
    rows = await shop.billing.rows("checkouts ORDER BY id", "stripe_session_id")
    await sandbox.pay(rows[1]["stripe_session_id"], "decline")
    intents = [item for item in await stripe_events(sandbox) if item["type"] == "payment_intent.payment_failed"]
    await shop.billing.apply(*intents)
    [failed] = await shop.billing.facts("billing.payment.failed")
    assert failed["order_id"] == second.order_id


def test_reasons_that_hint_at_fraud_are_never_shown() -> None:
    for code in ("stolen_card", "lost_card", "fraudulent", "merchant_blacklist", "pickup_card", None, "made_up"):
        assert words_for(code)[0] == "card_declined"


async def test_a_completed_session_that_awaits_the_bank_pays_when_the_money_arrives(shop: Shop) -> None:
    _order, session_id = await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    waiting = session(id=session_id, customer=row["stripe_customer_id"], payment_status="unpaid")
    await shop.billing.apply(event("checkout.session.completed", waiting))
    assert await shop.billing.facts("billing.checkout") == []
    arrived = {**waiting, "payment_status": "paid"}
    await shop.billing.apply(event("checkout.session.async_payment_succeeded", arrived))
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1


async def test_a_delayed_payment_that_fails_lets_the_order_be_paid_on_a_new_page(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    order, session_id = await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    await sandbox.stripe.v1.checkout.sessions.expire_async(session_id)
    unpaid = session(id=session_id, customer=row["stripe_customer_id"], payment_status="unpaid")
    made = event("checkout.session.async_payment_failed", unpaid)
    await shop.billing.apply(made, {**made, "id": made["id"] + "x"})
    assert len(await shop.billing.facts("billing.payment.failed")) == 1
    answer = await shop.billing.open_checkout(order)
    assert answer.status_code == 200
    assert session_id not in answer.json()["url"]


async def test_an_expired_session_expires_the_checkout_once(shop: Shop, sandbox: RunningSandbox) -> None:
    order, session_id = await opened(shop)
    await sandbox.stripe.v1.checkout.sessions.expire_async(session_id)
    events = await stripe_events(sandbox)
    again = {**events[-1], "id": "evt_again"}
    await shop.billing.apply(*events, again)
    [fact] = await shop.billing.facts("billing.checkout.expired")
    assert fact["order_id"] == order.order_id


async def test_money_after_the_expiry_is_held_for_a_person(shop: Shop) -> None:
    _order, session_id = await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    item = session(id=session_id, customer=row["stripe_customer_id"])
    gone = {**item, "status": "expired", "payment_status": "unpaid"}
    await shop.billing.apply(event("checkout.session.expired", gone), event("checkout.session.completed", item))
    [fact] = await shop.billing.facts("billing.payment.mismatched")
    assert "expired" in fact["reason"]


async def test_an_expiry_that_arrives_after_the_payment_changes_nothing(shop: Shop) -> None:
    _order, session_id = await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    item = session(id=session_id, customer=row["stripe_customer_id"])
    gone = {**item, "status": "expired", "payment_status": "unpaid"}
    await shop.billing.apply(event("checkout.session.completed", item), event("checkout.session.expired", gone))
    assert [row["status"] for row in await shop.billing.rows("checkouts")] == ["paid"]
    assert await shop.billing.facts("billing.checkout.expired") == []


async def test_events_of_customers_who_are_not_ours_are_ignored_visibly(shop: Shop) -> None:
    made = [
        event("invoice.paid", invoice(status="paid", amount_paid=2700)),
        event("customer.subscription.created", subscription()),
        event("payment_intent.payment_failed", failed_intent()),
        event("charge.succeeded", charge()),
        event("checkout.session.expired", session(status="expired", payment_status="unpaid")),
    ]
    await shop.billing.apply(*made)
    outcomes = [row["outcome"] for row in await shop.billing.rows("stripe_events", "outcome")]
    assert all(outcome.startswith("ignored") for outcome in outcomes)


async def test_a_poison_event_is_buried_while_others_flow_and_can_be_replayed(shop: Shop) -> None:
    poison = event("invoice.paid", {"id": "in_1", "object": "invoice"})
    slow = event("invoice.paid", {"id": "in_1", "object": "invoice", "status": "paid"})
    good = event("customer.created", {"id": "cus_1"})
    await shop.billing.apply(poison, good, slow)
    stored = await shop.billing.stored(poison["id"])
    assert (stored.state, stored.failure_class) == ("dead", "permanent")
    assert "unreadable: invoice" in str(stored.last_error)
    assert (await shop.billing.stored(good["id"])).state == "done"


async def test_an_event_that_always_crashes_is_tried_a_bounded_number_of_times(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_raw: object, _stamp: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setitem(apply_event.READERS, "invoice.voided", crash)
    made = event("invoice.voided", invoice())
    assert (await shop.billing.deliver(made)).status_code == 200
    for _attempt in range(20):
        await shop.billing.process()
        await shop.billing.execute("UPDATE stripe_events SET next_attempt_at = now() WHERE state = 'ready'")
    stored = await shop.billing.stored(made["id"])
    assert (stored.state, stored.attempts, stored.failure_class) == ("dead", 12, "transient")
    assert "RuntimeError: bug" in str(stored.last_error)
