"""Money that does not match its order is held for a person, and what cannot be placed is parked."""

from typing import Any

import pytest

from shared.kernel import encode_id
from tests.api.billing.conftest import Shop, stripe_events
from tests.api.billing.pictures import opened
from tests.support.stripe_payloads import event, invoice, session
from tests.support.stripe_sandbox import RunningSandbox


@pytest.mark.fault(11)
@pytest.mark.bug("CVE-2026-9189")
@pytest.mark.parametrize("proof", ["checkout.session.completed", "invoice.paid"])
@pytest.mark.parametrize(
    ("mutation", "reason"),
    [({"amount": 100}, "amount"), ({"currency": "usd"}, "currency"), ({"amount": 2701}, "amount")],
)
async def test_another_amount_or_currency_than_the_orders_is_held_for_a_person(
    shop: Shop, sandbox: RunningSandbox, proof: str, mutation: dict[str, Any], reason: str
) -> None:
    order, session_id = await opened(shop)
    await sandbox.faults(next_checkout=mutation)
    await sandbox.pay(session_id)
    events = {item["type"]: item for item in await stripe_events(sandbox)}
    await shop.billing.apply(events[proof])
    await shop.billing.apply(events["invoice.paid"], events["checkout.session.completed"])
    assert await shop.billing.facts("billing.checkout.paid") == []
    [fact] = await shop.billing.facts("billing.payment.mismatched")
    assert reason in fact["reason"]
    assert (fact["order_id"], fact["expected_minor"], fact["expected_currency"]) == (order.order_id, 2700, "EUR")
    assert (fact["received_minor"], fact["received_currency"]) == (
        mutation.get("amount", 2700),
        mutation.get("currency", "eur").upper(),
    )
    assert [row["status"] for row in await shop.billing.rows("checkouts")] == ["mismatched"]
    assert {row["state"] for row in await shop.billing.rows("stripe_events")} == {"done"}


@pytest.mark.fault(11)
async def test_money_of_another_customer_on_our_session_is_held(shop: Shop) -> None:
    _order, session_id = await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    other = session(id=session_id, customer="cus_somebody_else")
    await shop.billing.apply(event("checkout.session.completed", other))
    [fact] = await shop.billing.facts("billing.payment.mismatched")
    assert "customer" in fact["reason"]
    # The right customer's event, later, no longer pays: a person looks first.
    right = session(id=session_id, customer=row["stripe_customer_id"])
    await shop.billing.apply(event("checkout.session.completed", right))
    assert await shop.billing.facts("billing.checkout.paid") == []


@pytest.mark.fault(11)
async def test_an_invoice_that_names_somebody_elses_order_pays_nothing(shop: Shop) -> None:
    victim, _session = await opened(shop)
    attacker = await shop.account("eve@example.com")
    await shop.billing.run_tasks()
    rows = await shop.billing.rows("payers", "account_id, stripe_customer_id, email")
    [customer] = [row["stripe_customer_id"] for row in rows if row["email"] == "eve@example.com"]
    forged = invoice(
        customer=customer,
        status="paid",
        amount_paid=2700,
        number="E-1",
        parent={"subscription_details": {"metadata": {"order_id": victim.order_id}, "subscription": "sub_eve"}},
    )
    await shop.billing.apply(event("invoice.paid", forged))
    assert await shop.billing.facts("billing.checkout.paid") == []
    [mine] = await shop.billing.rows("invoices")
    assert (mine["order_id"], attacker) == (None, attacker)


@pytest.mark.fault(11)
async def test_a_paid_session_that_names_our_checkout_but_is_not_its_session_is_parked(shop: Shop) -> None:
    await opened(shop)
    [row] = await shop.billing.rows("checkouts", "id, stripe_customer_id")
    hint = encode_id("chk", row["id"])
    alien = session(customer=row["stripe_customer_id"], client_reference_id=hint, metadata={"checkout_id": hint})
    made = event("checkout.session.completed", alien)
    await shop.billing.apply(made)
    stored = await shop.billing.stored(made["id"])
    assert (stored.state, stored.failure_class) == ("parked", "needs_human")
    assert await shop.billing.facts("billing.checkout") == []


async def test_a_paid_session_without_a_checkout_is_parked_with_its_reason(shop: Shop) -> None:
    made = event("checkout.session.completed", session())
    await shop.billing.apply(made)
    stored = await shop.billing.stored(made["id"])
    assert stored.state == "parked"
    assert "belongs to no checkout" in str(stored.last_error)
