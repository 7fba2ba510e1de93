"""Subscriptions through the API, saved cards, test clocks and dunning: what the sandbox does as Stripe does."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from tests.contract.test_stripe_sandbox_contract import check_keys
from tests.support.stripe_sandbox import RunningSandbox, running_sandbox, subscription_session

DAY = 24 * 3600


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with running_sandbox() as running:
        yield running


async def price(sandbox: RunningSandbox, interval: str = "month", currency: str = "eur", amount: int = 1200) -> str:
    product = await sandbox.stripe.v1.products.create_async({"name": "VPS"})
    made = await sandbox.stripe.v1.prices.create_async(
        {"product": product.id, "currency": currency, "unit_amount": amount, "recurring": {"interval": interval}}  # type: ignore[typeddict-item]  # a parameter
    )
    return made.id


async def card_payment(sandbox: RunningSandbox, customer: str) -> stripe.checkout.Session:
    """A paid page in payment mode that saved its card and made an invoice."""
    params: Any = {
        "mode": "payment",
        "customer": customer,
        "payment_intent_data": {"setup_future_usage": "off_session", "metadata": {"order_id": "ord_9"}},
        "invoice_creation": {"enabled": True, "invoice_data": {"metadata": {"order_id": "ord_9"}}},
        "line_items": [
            {
                "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "Domain"}},
                "quantity": 2,
            }
        ],
        "success_url": "http://shop.test/done",
    }
    session = await sandbox.stripe.v1.checkout.sessions.create_async(params)
    await sandbox.pay(session.id)
    return await sandbox.stripe.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent", "invoice"]}
    )


async def clocked(sandbox: RunningSandbox, frozen: int) -> tuple[str, str]:
    """A customer on a test clock of their own; both ids."""
    v1 = sandbox.stripe.v1
    clock = await v1.test_helpers.test_clocks.create_async({"frozen_time": frozen, "name": "acc_1"})
    return (await v1.customers.create_async({"email": "t@example.com", "test_clock": clock.id})).id, clock.id


async def advance(sandbox: RunningSandbox, clock: str, to: int) -> None:
    v1 = sandbox.stripe.v1
    begun = await v1.test_helpers.test_clocks.advance_async(clock, {"frozen_time": to})
    assert begun.status == "advancing"
    deadline = time.monotonic() + 10
    while (await v1.test_helpers.test_clocks.retrieve_async(clock)).status != "ready":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_paid_page_saves_its_card_and_makes_an_invoice(sandbox: RunningSandbox) -> None:
    customer = await sandbox.stripe.v1.customers.create_async({"email": "ada@example.com"})
    paid = await card_payment(sandbox, customer.id)
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert isinstance(paid.invoice, stripe.Invoice)
    assert (paid.payment_intent.setup_future_usage, paid.subscription) == ("off_session", None)
    invoice = paid.invoice
    assert (invoice.status, invoice.billing_reason, invoice.amount_paid) == ("paid", "manual", 1800)
    assert (invoice.metadata or {})["order_id"] == "ord_9"
    method = await sandbox.stripe.v1.payment_methods.retrieve_async(str(paid.payment_intent.payment_method))
    assert method.customer == customer.id


async def test_a_trial_charges_nothing_until_it_is_over_and_then_one_period(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    start = int(datetime(2027, 1, 31, 9, tzinfo=UTC).timestamp())
    customer, clock = await clocked(sandbox, start)
    paid = await card_payment(sandbox, customer)
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    monthly = await price(sandbox)
    made = await v1.subscriptions.create_async(
        {
            "customer": customer,
            "items": [{"price": monthly, "quantity": 2}],
            "default_payment_method": str(paid.payment_intent.payment_method),
            "trial_end": start + 28 * DAY,
            "proration_behavior": "none",
            "metadata": {"group_id": "g"},
        }
    )
    assert (made.status, made.trial_end, made.test_clock, made.created) == ("trialing", start + 28 * DAY, clock, start)
    await advance(sandbox, clock, start + 28 * DAY + 3599)
    [draft] = (await v1.invoices.list_async({"subscription": made.id, "limit": 1})).data
    assert (draft.status, draft.total, draft.billing_reason) == ("draft", 2400, "subscription_cycle")
    assert (await v1.subscriptions.retrieve_async(made.id)).status == "active"
    await advance(sandbox, clock, start + 28 * DAY + 3600)
    charged = await v1.invoices.retrieve_async(str(draft.id))
    assert (charged.status, charged.amount_paid) == ("paid", 2400)
    assert charged.status_transitions.paid_at == start + 28 * DAY + 3600
    for event in (await v1.events.list_async({"limit": 100})).data:
        assert event.created <= time.time() + 1  # told when it happened, not when it is said to have happened


async def test_every_served_key_of_what_clocks_and_subscriptions_serve_exists_in_the_sdk(
    sandbox: RunningSandbox,
) -> None:
    customer, clock = await clocked(sandbox, int(time.time()))
    monthly = await price(sandbox)
    made = await sandbox.stripe.v1.subscriptions.create_async(
        {"customer": customer, "items": [{"price": monthly}], "default_payment_method": "pm_card_visa"}
    )
    assert made.status == "active"
    gone = await sandbox.stripe.v1.customers.create_async({"name": "gone"})
    await sandbox.stripe.v1.customers.delete_async(gone.id)
    for path in (
        f"/v1/subscriptions/{made.id}?expand[]=latest_invoice",
        f"/v1/test_helpers/test_clocks/{clock}",
        "/v1/test_helpers/test_clocks",
        f"/v1/customers/{gone.id}",
        "/v1/events?limit=100",
    ):
        body = (await sandbox.control.get(path)).json()
        for obj in body.get("data", [body]) if body["object"] == "list" else [body]:
            check_keys(obj, None, obj["object"])


async def test_a_clock_moves_two_intervals_of_its_shortest_subscription_at_most(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    start = int(time.time())
    customer, clock = await clocked(sandbox, start)
    with pytest.raises(stripe.InvalidRequestError, match="two years"):
        await v1.test_helpers.test_clocks.advance_async(clock, {"frozen_time": start + 800 * DAY})
    for interval in ("month", "year"):
        await v1.subscriptions.create_async(
            {
                "customer": customer,
                "items": [{"price": await price(sandbox, interval)}],
                "default_payment_method": "pm_card_visa",
            }
        )
    with pytest.raises(stripe.InvalidRequestError, match="two intervals"):
        await v1.test_helpers.test_clocks.advance_async(clock, {"frozen_time": start + 63 * DAY})
    await advance(sandbox, clock, start + 58 * DAY)
    assert len((await v1.invoices.list_async({"customer": customer, "limit": 100})).data) == 3
    with pytest.raises(stripe.InvalidRequestError, match="after the test clock"):
        await v1.test_helpers.test_clocks.advance_async(clock, {"frozen_time": start})
    listed = await v1.customers.list_async({"email": "t@example.com"})
    assert listed.data == []
    assert [entry.id for entry in (await v1.customers.list_async({"test_clock": clock})).data] == [customer]


@pytest.mark.parametrize("ends", ["canceled", "unpaid", "past_due"])
async def test_a_card_that_fails_is_tried_again_and_then_the_setting_decides(ends: str) -> None:
    async with running_sandbox(after_retries=ends) as sandbox:
        v1 = sandbox.stripe.v1
        start = int(time.time())
        customer, clock = await clocked(sandbox, start)
        made = await v1.subscriptions.create_async(
            {
                "customer": customer,
                "items": [{"price": await price(sandbox)}],
                "default_payment_method": "pm_card_chargeCustomerFail",
                "trial_end": start + DAY,
                "proration_behavior": "none",
            }
        )
        await advance(sandbox, clock, start + DAY + 3601)
        assert (await v1.subscriptions.retrieve_async(made.id)).status == "past_due"
        await advance(sandbox, clock, start + 8 * DAY)
        [invoice] = (await v1.invoices.list_async({"subscription": made.id, "limit": 1})).data
        assert (invoice.status, invoice.attempt_count) == ("open", 2)
        await advance(sandbox, clock, start + 18 * DAY)
        assert (await v1.subscriptions.retrieve_async(made.id)).status == ends
        assert (await v1.invoices.retrieve_async(str(invoice.id))).attempt_count == 4


async def test_an_open_invoice_paid_with_another_card_makes_the_subscription_active_again(
    sandbox: RunningSandbox,
) -> None:
    v1 = sandbox.stripe.v1
    customer = (await v1.customers.create_async({"email": "x@example.com"})).id
    made = await v1.subscriptions.create_async(
        {
            "customer": customer,
            "items": [{"price": await price(sandbox)}],
            "default_payment_method": "pm_card_chargeCustomerFail",
        }
    )
    assert made.status == "incomplete"
    invoice = str(made.latest_invoice)
    with pytest.raises(stripe.CardError) as declined:
        await v1.invoices.pay_async(invoice, {}, {"idempotency_key": "pay-1"})
    assert declined.value.http_status == 402
    with pytest.raises(stripe.CardError):  # the key's answer from now on
        await v1.invoices.pay_async(invoice, {}, {"idempotency_key": "pay-1"})
    paid = await v1.invoices.pay_async(invoice, {"payment_method": "pm_card_visa"})
    assert paid.status == "paid"
    assert (await v1.subscriptions.retrieve_async(made.id)).status == "active"


async def test_quantities_and_the_next_charge_move_without_proration(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    customer = (await v1.customers.create_async({"email": "x@example.com"})).id
    first, second = await price(sandbox), await price(sandbox, amount=500)
    made = await v1.subscriptions.create_async(
        {
            "customer": customer,
            "items": [{"price": first, "quantity": 2}, {"price": second}],
            "default_payment_method": "pm_card_visa",
        }
    )
    items = made.to_dict()["items"]["data"]
    changed = await v1.subscriptions.update_async(
        made.id,
        {
            "items": [{"id": items[0]["id"], "quantity": 1}, {"id": items[1]["id"], "deleted": True}],
            "proration_behavior": "none",
        },
    )
    assert [(item["price"]["id"], item["quantity"]) for item in changed.to_dict()["items"]["data"]] == [(first, 1)]
    later = items[0]["current_period_end"] + 3 * DAY
    moved = await v1.subscriptions.update_async(made.id, {"trial_end": later, "proration_behavior": "none"})
    assert (moved.status, moved.to_dict()["items"]["data"][0]["current_period_end"]) == ("trialing", later)
    totals = [invoice.total for invoice in (await v1.invoices.list_async({"subscription": made.id})).data]
    assert totals == [0, 2900]
    with pytest.raises(stripe.InvalidRequestError, match="prorations"):
        await v1.subscriptions.update_async(made.id, {"proration_behavior": "create_prorations"})


async def test_what_cannot_share_a_subscription_or_a_customer_is_refused(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    customer = (await v1.customers.create_async({"email": "x@example.com"})).id
    monthly, yearly, dollars = await price(sandbox), await price(sandbox, "year"), await price(sandbox, currency="usd")

    async def subscribe(*prices: str) -> stripe.Subscription:
        return await v1.subscriptions.create_async(
            {
                "customer": customer,
                "items": [{"price": entry} for entry in prices],
                "default_payment_method": "pm_card_visa",
            }
        )

    with pytest.raises(stripe.InvalidRequestError, match="same plan"):
        await subscribe(monthly, monthly)
    with pytest.raises(stripe.InvalidRequestError, match="billing interval"):
        await subscribe(monthly, yearly)
    await subscribe(monthly)
    with pytest.raises(stripe.InvalidRequestError, match="combine currencies"):
        await subscribe(dollars)
    twice = [{"price": monthly, "quantity": 1}, {"price": monthly, "quantity": 2}]
    with pytest.raises(stripe.InvalidRequestError, match="twice"):
        await subscription_session(sandbox, line_items=twice)
    lines = [{"price": dollars, "quantity": 1}]
    with pytest.raises(stripe.InvalidRequestError, match="combine currencies"):
        await subscription_session(sandbox, customer=customer, line_items=lines)


async def test_a_deleted_customer_is_as_if_they_had_never_been_and_charges_nothing(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    customer = (await v1.customers.create_async({"email": "x@example.com"})).id
    made = await v1.subscriptions.create_async(
        {"customer": customer, "items": [{"price": await price(sandbox)}], "default_payment_method": "pm_card_visa"}
    )
    assert (await v1.customers.delete_async(customer)).deleted
    assert (await sandbox.event_types())[-2:] == ["customer.subscription.deleted", "customer.deleted"]
    assert (await v1.subscriptions.retrieve_async(made.id)).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await subscription_session(sandbox, customer=customer)
    assert (refused.value.code, refused.value.param) == ("resource_missing", "customer")
    assert (await v1.customers.list_async({"email": "x@example.com"})).data == []


@pytest.mark.parametrize(
    ("currency", "amount", "fits"), [("kwd", 1005, False), ("kwd", 1010, True), ("ugx", 550, False)]
)
async def test_amounts_a_currency_cannot_have_are_refused(
    sandbox: RunningSandbox, currency: str, amount: int, fits: bool
) -> None:
    if fits:
        assert await price(sandbox, currency=currency, amount=amount)
    else:
        with pytest.raises(stripe.InvalidRequestError, match="multiple"):
            await price(sandbox, currency=currency, amount=amount)
