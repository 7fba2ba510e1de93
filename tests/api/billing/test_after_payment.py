"""What Stripe tells after an order was paid: updates, renewals, late refusals, refunds and disputes."""

import itertools
import random

import pytest

from shared.kernel import encode_id
from tests.api.billing.conftest import Shop, stripe_events
from tests.api.billing.pictures import forget, opened
from tests.support.stripe_payloads import charge, dispute, event, failed_intent, invoice, session, subscription
from tests.support.stripe_sandbox import RunningSandbox


@pytest.mark.fault(10)
async def test_an_older_subscription_update_does_not_overwrite_a_newer_one(shop: Shop) -> None:
    await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    item = subscription(customer=row["stripe_customer_id"])
    events = [
        event("customer.subscription.created", item, created=1000),
        event("customer.subscription.updated", {**item, "status": "past_due"}, created=2000),
        event("customer.subscription.updated", {**item, "status": "active"}, created=3000),
        event("customer.subscription.deleted", {**item, "status": "canceled"}, created=4000),
    ]
    for arrival in itertools.permutations(events):
        await forget(shop)
        await shop.billing.apply(*arrival)
        assert [row["status"] for row in await shop.billing.rows("subscriptions")] == ["canceled"]


async def test_a_renewal_is_mirrored_and_does_not_touch_the_paid_checkout(shop: Shop, sandbox: RunningSandbox) -> None:
    order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    listed = await sandbox.stripe.v1.subscriptions.list_async({"limit": 1})
    answer = await sandbox.control.post(f"/_sandbox/subscriptions/{listed.data[0].id}/renew", json={})
    assert answer.status_code == 200, answer.text
    await shop.billing.apply(*await stripe_events(sandbox))
    receipts = await shop.billing.facts("billing.invoice.paid")
    assert [receipt["order_id"] for receipt in receipts] == [order.order_id] * 2
    assert sorted(receipt["amount_minor"] for receipt in receipts) == [2400, 2700]
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1
    assert await shop.billing.facts("billing.payment") == []


async def test_a_renewal_invoice_proves_nothing_for_an_order_that_waits(shop: Shop) -> None:
    order, _session = await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    details = {"metadata": {"order_id": order.order_id}, "subscription": "sub_1"}
    renewal = invoice(
        customer=row["stripe_customer_id"],
        billing_reason="subscription_cycle",
        status="paid",
        amount_paid=2700,
        parent={"subscription_details": details},
    )
    await shop.billing.apply(event("invoice.paid", renewal))
    assert [row["status"] for row in await shop.billing.rows("checkouts")] == ["open"]
    assert len(await shop.billing.facts("billing.invoice.paid")) == 1


async def test_a_refusal_that_arrives_after_the_payment_troubles_nobody(shop: Shop) -> None:
    order, session_id = await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    payer = row["stripe_customer_id"]
    refused = failed_intent(customer=payer, payment_details={"order_reference": session_id[:25]})
    await shop.billing.apply(
        event("checkout.session.completed", session(id=session_id, customer=payer)),
        event("payment_intent.payment_failed", refused),
    )
    assert await shop.billing.facts("billing.payment.failed") == []
    [payment] = await shop.billing.rows("payments", "status, order_id")
    assert (payment["status"], encode_id("ord", payment["order_id"])) == ("failed", order.order_id)


@pytest.mark.fault(10)
async def test_a_refund_and_a_dispute_are_noted_on_the_payment_in_any_order(shop: Shop) -> None:
    await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    paid = charge(customer=row["stripe_customer_id"])
    opening = dispute(charge=paid["id"], payment_intent=paid["payment_intent"])
    events = [
        event("charge.succeeded", paid, created=1000),
        event("charge.refunded", {**paid, "amount_refunded": 500}, created=2000),
        event("charge.refunded", {**paid, "amount_refunded": 2700}, created=2000),
        event("charge.dispute.created", opening, created=3000),
        event("charge.dispute.closed", {**opening, "status": "lost"}, created=3000),
    ]
    for arrival in random.Random(11).sample(list(itertools.permutations(events)), 30):
        await forget(shop)
        await shop.billing.apply(*arrival)
        [payment] = await shop.billing.rows("payments")
        assert (payment["status"], payment["refunded_minor"]) == ("succeeded", 2700)
        assert (payment["dispute_status"], payment["disputed_minor"]) == ("lost", 2700)
