"""Buying through the sandbox: what a payment creates, what a refusal leaves, refunds, and wrong charges."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe

from tests.support.stripe_sandbox import RunningSandbox, running_sandbox, subscription_session


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with running_sandbox() as running:
        yield running


def _domain(**more: Any) -> Any:
    price = {"currency": "eur", "unit_amount": 900, "product_data": {"name": "example.com"}}
    return {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "success_url": "http://shop.test/done",
        **more,
    }


async def test_a_paid_session_has_a_subscription_an_invoice_and_one_charge(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    customer = await v1.customers.create_async({"email": "ada@example.com"})
    session = await subscription_session(sandbox, customer=customer.id)
    assert (session.amount_total, session.currency, session.status) == (2700, "eur", "open")
    assert session.url == f"{sandbox.url}/c/pay/{session.id}"
    await sandbox.pay(session.id)
    paid = await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["invoice.payments", "subscription"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    invoice, subscription = paid.invoice, paid.subscription
    assert isinstance(invoice, stripe.Invoice)
    assert isinstance(subscription, stripe.Subscription)
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 2700, "subscription_create")
    assert [line.amount for line in invoice.lines.data] == [2400, 300]
    assert subscription.status == "active"
    assert subscription.latest_invoice == invoice.id
    assert invoice.payments is not None
    [payment] = invoice.payments.data
    intent = await v1.payment_intents.retrieve_async(str(payment.payment.payment_intent))
    assert (intent.status, intent.amount_received) == ("succeeded", 2700)
    [charge] = (await v1.charges.list_async({"payment_intent": intent.id})).data
    assert (charge.status, charge.amount, charge.customer) == ("succeeded", 2700, customer.id)


async def test_a_payment_tells_its_story_in_events(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    before = len(await sandbox.event_types())
    await sandbox.pay(session.id)
    assert (await sandbox.event_types())[before:] == [
        "payment_intent.created",
        "customer.created",
        "payment_method.attached",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.created",
        "customer.subscription.created",
        "invoice.finalized",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ]


async def test_an_event_keeps_the_object_as_it_was_then(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id)
    seen = {event.type: event.data.object for event in (await sandbox.stripe.v1.events.list_async({"limit": 100})).data}
    assert [seen[name]["status"] for name in ("invoice.created", "invoice.finalized", "invoice.paid")] == [
        "draft",
        "open",
        "paid",
    ]


async def test_a_declined_card_leaves_the_session_open_and_no_subscription(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    before = len(await sandbox.event_types())
    assert (await sandbox.pay(session.id, "decline"))["outcome"] == "declined"
    assert (await sandbox.event_types())[before:] == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
    ]
    v1 = sandbox.stripe.v1
    assert (await v1.checkout.sessions.retrieve_async(session.id)).status == "open"
    assert (await v1.subscriptions.list_async({"status": "all"})).data == []
    assert (await v1.invoices.list_async()).data == []
    [intent] = (await v1.payment_intents.list_async()).data
    error = intent.last_payment_error
    assert error is not None
    assert (error.code, error.decline_code) == ("card_declined", "generic_decline")
    assert intent.payment_details is not None
    assert intent.payment_details.order_reference == session.id[:25]


async def test_another_card_after_a_decline_pays_the_same_intent(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id, "decline")
    await sandbox.pay(session.id, "success")
    v1 = sandbox.stripe.v1
    [intent] = (await v1.payment_intents.list_async()).data
    charges = (await v1.charges.list_async({"payment_intent": intent.id})).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]
    assert intent.latest_charge == charges[0].id


async def test_authentication_is_asked_for_before_the_charge(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    assert (await sandbox.pay(session.id, "3ds_fail"))["outcome"] == "declined"
    v1 = sandbox.stripe.v1
    [intent] = (await v1.payment_intents.list_async()).data
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert (await v1.charges.list_async()).data == []
    assert (await sandbox.pay(session.id, "3ds"))["outcome"] == "paid"
    assert (await sandbox.event_types()).count("payment_intent.requires_action") == 2
    [charge] = (await v1.charges.list_async()).data
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert charge.payment_method_details.card.three_d_secure is not None
    assert charge.payment_method_details.card.three_d_secure.result == "authenticated"


async def test_paying_twice_charges_once(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    outcomes = [(await sandbox.pay(session.id))["outcome"] for _ in range(3)]
    assert outcomes == ["paid", "already_paid", "already_paid"]
    assert len((await sandbox.stripe.v1.charges.list_async()).data) == 1


async def test_an_expired_session_cannot_be_paid(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id, "decline")
    v1 = sandbox.stripe.v1
    expired = await v1.checkout.sessions.expire_async(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    assert (await sandbox.event_types())[-2:] == ["payment_intent.canceled", "checkout.session.expired"]
    assert (await sandbox.pay(session.id))["outcome"] == "expired"
    with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
        await v1.checkout.sessions.expire_async(session.id)


async def test_a_session_expires_when_its_time_is_over(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox, expires_at=int(time.time()) + 1860)
    await sandbox.control.post("/_sandbox/clock", json={"advance_seconds": 1861})
    assert (await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id)).status == "expired"
    assert (await sandbox.event_types()).count("checkout.session.expired") == 1


async def test_a_one_time_payment_carries_its_metadata_and_reference(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    session = await v1.checkout.sessions.create_async(
        _domain(payment_intent_data={"metadata": {"order_id": "ord_2"}}, customer_creation="always")
    )
    await sandbox.pay(session.id, email="grace@example.com")
    paid = await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent", "customer"]})
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert paid.payment_intent.metadata.to_dict() == {"order_id": "ord_2"}
    assert paid.payment_intent.payment_details is not None
    assert paid.payment_intent.payment_details.order_reference == session.id
    assert isinstance(paid.customer, stripe.Customer)
    assert paid.customer.email == "grace@example.com"
    assert (paid.subscription, paid.invoice) == (None, None)
    listed = await v1.checkout.sessions.list_async({"payment_intent": paid.payment_intent.id})
    assert [entry.id for entry in listed.data] == [session.id]


async def test_a_session_that_costs_nothing_needs_no_card(sandbox: RunningSandbox) -> None:
    free = _domain()
    free["line_items"][0]["price_data"]["unit_amount"] = 0
    session = await sandbox.stripe.v1.checkout.sessions.create_async(free)
    assert (await sandbox.pay(session.id))["payment_status"] == "no_payment_required"
    assert (await sandbox.stripe.v1.charges.list_async()).data == []


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"expires_at": 1795}, "expires_at"),
        ({"expires_at": 90_000}, "expires_at"),
        ({"customer": "cus_missing"}, "customer"),
        ({"subscription_data": {"metadata": {"a": "b"}}}, "subscription_data"),
        ({"line_items": []}, "line_items"),
        ({"line_items": [{"price": "price_missing", "quantity": 1}]}, "line_items[0][price]"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price]"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"automatic_tax": {"enabled": True}}, "automatic_tax[enabled]"),
        ({"discounts": [{"coupon": "x"}]}, "discounts"),
    ],
)
async def test_a_session_that_makes_no_sense_is_refused(
    sandbox: RunningSandbox, change: dict[str, Any], param: str
) -> None:
    if isinstance(change.get("expires_at"), int):
        change = {"expires_at": int(time.time()) + change["expires_at"]}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await sandbox.stripe.v1.checkout.sessions.create_async(_domain(**change))
    assert refused.value.param == param


async def test_checkout_refuses_mixed_intervals_and_mixed_currencies(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    product = await v1.products.create_async({"name": "VPS"})

    async def price(currency: str, interval: str) -> str:
        made = await v1.prices.create_async(
            {"product": product.id, "currency": currency, "unit_amount": 900, "recurring": {"interval": interval}}
        )
        return made.id

    monthly, yearly, dollars = await price("eur", "month"), await price("eur", "year"), await price("usd", "month")
    for pair, reason in (((monthly, yearly), "different billing intervals"), ((monthly, dollars), "same currency")):
        lines = [{"price": identifier, "quantity": 1} for identifier in pair]
        with pytest.raises(stripe.InvalidRequestError, match=reason):
            await subscription_session(sandbox, line_items=lines)


async def test_refunds_never_exceed_the_charge(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id)
    v1 = sandbox.stripe.v1
    [charge] = (await v1.charges.list_async()).data
    part = await v1.refunds.create_async({"charge": charge.id, "amount": 700, "reason": "requested_by_customer"})
    assert (part.amount, part.status) == (700, "succeeded")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await v1.refunds.create_async({"charge": charge.id, "amount": 2001})
    assert refused.value.param == "amount"
    rest = await v1.refunds.create_async({"payment_intent": str(charge.payment_intent)})
    assert rest.amount == 2000
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await v1.refunds.create_async({"charge": charge.id})
    assert refused.value.code == "charge_already_refunded"
    after = await v1.charges.retrieve_async(charge.id)
    assert (after.amount_refunded, after.refunded) == (2700, True)
    assert {entry.id for entry in (await v1.refunds.list_async({"charge": charge.id})).data} == {part.id, rest.id}
    assert (await sandbox.event_types()).count("charge.refunded") == 2


async def test_the_next_checkout_can_charge_another_amount_and_currency(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    await sandbox.faults(next_checkout={"amount": 100, "currency": "USD"})
    await sandbox.pay(session.id)
    v1 = sandbox.stripe.v1
    paid = await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["invoice"]})
    assert (paid.amount_total, paid.currency) == (100, "usd")
    assert isinstance(paid.invoice, stripe.Invoice)
    assert (paid.invoice.amount_paid, paid.invoice.currency) == (100, "usd")
    honest = await subscription_session(sandbox)
    await sandbox.pay(honest.id)
    assert (await v1.checkout.sessions.retrieve_async(honest.id)).amount_total == 2700


async def test_one_payment_can_charge_another_customer_and_others_stay_honest(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    customer = await v1.customers.create_async({"name": "Ada"})
    session, honest = [await subscription_session(sandbox, customer=customer.id) for _ in range(2)]
    await sandbox.pay(session.id, charge={"customer": "new"})
    await sandbox.pay(honest.id)
    paid = await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription", "invoice"]})
    assert isinstance(paid.subscription, stripe.Subscription)
    assert isinstance(paid.invoice, stripe.Invoice)
    assert paid.customer != customer.id
    assert paid.customer == paid.subscription.customer == paid.invoice.customer
    assert paid.amount_total == 2700
    assert (await v1.checkout.sessions.retrieve_async(honest.id)).customer == customer.id


@pytest.mark.parametrize("charge", [{"currency": "zzz"}, {"amount": 0}, {"to": "new"}])
async def test_a_charge_that_cannot_be_is_refused(sandbox: RunningSandbox, charge: dict[str, object]) -> None:
    session = await subscription_session(sandbox)
    answer = await sandbox.control.post(f"/_sandbox/checkout/{session.id}/pay", json={"charge": charge})
    assert answer.status_code == 422
    assert (await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id)).status == "open"
