"""The ledger says whose money moved: the account of the charge or the invoice, and what is known here of it."""

from shared.kernel import encode_id
from tests.api.billing.conftest import Shop, stripe_events
from tests.api.billing.test_money import entries, paid_order, refund_of
from tests.support.stripe_payloads import event
from tests.support.stripe_sandbox import RunningSandbox


async def test_every_entry_says_whose_money_it_moved(shop: Shop, sandbox: RunningSandbox) -> None:
    order_id, charge_id = await paid_order(shop, sandbox)
    told = await stripe_events(sandbox)
    await shop.billing.apply(*told, event("refund.created", refund_of(charge_id, "succeeded")))
    booked = await entries(shop.billing)
    assert {entry["kind"] for entry in booked} == {"capture", "invoice", "invoice_paid", "refund"}
    [account_id] = {encode_id("acc", row["account_id"]) for row in await shop.billing.rows("payments")}
    whose = {"account_id": account_id, "name": "Analytical Engines", "email": "ada@example.com"}
    assert [entry["customer"] for entry in booked] == [whose] * len(booked)
    # Whom billing was never told of, or has forgotten, is still named by the account.
    await shop.billing.execute("DELETE FROM payers")
    assert [entry["customer"] for entry in await entries(shop.billing, order_id=order_id)] == [
        {"account_id": account_id, "name": None, "email": None}
    ] * len(booked)


async def test_an_entry_of_an_account_without_an_order_says_whose_it_is(shop: Shop, sandbox: RunningSandbox) -> None:
    await paid_order(shop, sandbox)
    await shop.billing.apply(*await stripe_events(sandbox))
    for table in ("payments", "invoices"):
        await shop.billing.execute(f"UPDATE {table} SET order_id = NULL")
    for entry in await entries(shop.billing):
        assert (entry["order_id"], entry["item_ids"]) == (None, [])
        assert entry["customer"]["email"] == "ada@example.com"
