"""Every promise is broken on purpose, and the checker says which and where.

Wherever a guard of the product keeps the promise, that guard is taken out and something is bought. Where no guard can
be made to fail that way, the name of the test says what was corrupted by hand.
"""

from typing import Any

import pytest

from services.billing.domain import Checkout, Draft, Invoice, Kind
from services.billing.use_cases import apply_event, post_entries
from services.catalog.domain import Order
from services.catalog.use_cases import loading, take_payments
from services.provisioning.jobs import clock
from services.provisioning.product_types import vps_steps
from services.provisioning.product_types.vps import Vps
from services.provisioning.use_cases import deliver
from shared.kernel.ids import decode_id
from shared.testing import eventually
from tests.support.market import Market, before, market, names

__all__ = ["before", "market"]
pytestmark = [pytest.mark.chaos]


async def test_i1_an_entitlement_that_delivers_nothing(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_delivery(*_arguments: Any) -> None:
        """The guard that is gone: the resource and its job, written with the fact."""

    monkeypatch.setattr(deliver, "_start_delivery", no_delivery)
    order = await market.buy("i1-none")
    await market.status(order, "paid")
    await market.quiet()
    found = await market.newly_broken(before)
    assert names(found, "I1", order)
    assert found["I9"], "the fact counts as handled and had no effect"
    assert found["B4"], "an entitlement without a resource"


async def test_i1_a_new_machine_id_on_each_try(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = vps_steps.STEPS["create"]

    async def twice(connector: Any, task: Any, books: Any) -> Any:
        """The guard that is gone: one number per machine, whatever happens to a call."""
        await connector.create(task.reference, int(task.external_ref) + 5000, vps_steps.machine_spec(task))
        return await make(connector, task, books)

    monkeypatch.setattr(Vps, "steps", {**vps_steps.STEPS, "create": twice})
    order = await market.buy("i1-two")
    await market.delivered(order)
    found = await market.newly_broken(before)
    assert names(found, "I1", order, "machines [")
    assert found["B5"], "a resource with two machines"


async def test_i2_a_mismatched_payment_that_is_delivered_all_the_same(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, load = Order.report_mismatch, loading.locked_order
    works: list[Any] = []

    async def remembering(work: Any, *arguments: Any) -> Order:
        works.append(work)
        return await load(work, *arguments)

    def granting(order: Order, *arguments: Any, at: Any, by: str) -> bool:
        news = hold(order, *arguments, at=at, by=by)
        take_payments._grant(works[-1], order, by)
        return news

    monkeypatch.setattr(Order, "report_mismatch", granting)
    monkeypatch.setattr(take_payments, "locked_order", remembering)
    order = await market.order("i2-held")
    page = await market.session(order)
    await market.stripe("POST", "/_sandbox/faults", {"next_checkout": [{"amount": 1}]})
    await market.stripe("POST", f"/_sandbox/checkout/{page}/pay", {"outcome": "success"})
    await market.status(order, "under_review")
    await market.quiet()
    found = await market.newly_broken(before)
    assert names(found, "I2", order, "under_review")
    assert names(found, "B3", order)


async def test_i2_a_machine_made_by_hand_under_an_unknown_reference(
    market: Market, before: set[tuple[str, str]]
) -> None:
    form = {"newid": 7777, "name": "svc-00000000000000000000000000"}
    await market.hypervisor("POST", "/api2/json/nodes/pve1/qemu/9000/clone", form)
    found = await market.newly_broken(before)
    assert names(found, "I2", "7777", "svc_00000000000000000000000000")


async def test_i3_a_second_page_for_the_same_order_opened_by_hand_and_paid(
    market: Market, before: set[tuple[str, str]]
) -> None:
    order = await market.buy("i3")
    await market.delivered(order)
    paid = next(row for row in await _sessions(market) if row["metadata"].get("order_id") == order)
    prices = (await market.stripe("GET", "/v1/prices?limit=100"))["data"]
    # Stripe bills a customer in one currency only.
    price = next(row["id"] for row in prices if row["recurring"] and row["currency"] == paid["currency"])
    form = {"mode": "subscription", "customer": paid["customer"], "success_url": "http://127.0.0.1/"}
    form |= {"line_items[0][price]": price, "line_items[0][quantity]": "1", "metadata[order_id]": order}
    second = await market.stripe("POST", "/v1/checkout/sessions", form=form)
    await market.stripe("POST", f"/_sandbox/checkout/{second['id']}/pay", {"outcome": "success"})
    await market.quiet()
    assert names(await market.newly_broken(before), "I3", order)


async def _sessions(market: Market) -> list[dict[str, Any]]:
    return list((await market.stripe("GET", "/v1/checkout/sessions?limit=100"))["data"])


async def test_i4_an_invoice_that_is_mirrored_with_another_amount(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = Invoice.mirror

    def a_cent_less(invoice: Invoice, *arguments: Any) -> bool:
        news = mirror(invoice, *arguments)
        invoice.amount_paid_minor = max(0, invoice.amount_paid_minor - 1)
        return news

    monkeypatch.setattr(Invoice, "mirror", a_cent_less)
    await market.delivered(await market.buy("i4"))
    assert names(await market.newly_broken(before), "I4", "acc_", "EUR")


async def test_i5_charges_and_refunds_that_nobody_records(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("payment_intent.succeeded", "charge.succeeded", "charge.updated", "charge.refunded"):
        monkeypatch.delitem(apply_event.READERS, kind)
    order = await market.buy("i5")
    await market.delivered(order)
    charge = (await market.stripe("GET", "/v1/charges?limit=1"))["data"][0]["id"]
    await market.stripe("POST", "/v1/refunds", form={"charge": charge, "amount": "100"})
    await market.quiet()
    found = await market.newly_broken(before)
    assert found["I5"].count(charge) == 1, found
    assert names(found, "I4", "acc_")


async def test_i5_a_refund_that_nobody_records(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await market.delivered(await market.buy("i5-refund"))
    charge = (await market.stripe("GET", "/v1/charges?limit=1"))["data"][0]["id"]
    assert charge not in (await market.newly_broken(before))["I5"]

    for kind in ("charge.updated", "charge.refunded"):
        monkeypatch.delitem(apply_event.READERS, kind)
    await market.stripe("POST", "/v1/refunds", form={"charge": charge, "amount": "100"})
    await market.quiet()
    assert charge in (await market.newly_broken(before))["I5"]


async def test_i5_a_charge_put_under_another_order_by_hand(market: Market, before: set[tuple[str, str]]) -> None:
    await market.delivered(await market.buy("i5-other"))
    charge = (await market.stripe("GET", "/v1/charges?limit=1"))["data"][0]["id"]
    other = "(SELECT id FROM catalog.orders ORDER BY id LIMIT 1)"
    await market.sql(f"UPDATE billing.payments SET order_id = {other} WHERE reference = $1", charge)
    assert names(await market.newly_broken(before), "I5", charge, "shown under ord_", "paid ord_")


@pytest.mark.parametrize("table", ["credits", "wallets"])
async def test_i6_a_table_for_credit_appears_and_nobody_wrote_its_check(
    market: Market, before: set[tuple[str, str]], table: str
) -> None:
    await market.sql(f"CREATE TABLE billing.{table} (id int)")
    try:
        found = await market.newly_broken(before)
    finally:
        await market.sql(f"DROP TABLE billing.{table}")
    assert found["I6"] == [f"billing.{table}"]


async def test_i4_a_purchase_that_is_not_booked(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_written(*_arguments: Any) -> int:
        """The guard that is gone: entries in the transaction that mirrors the charge."""
        return 0

    monkeypatch.setattr(post_entries, "write", nothing_written)
    await market.delivered(await market.buy("i4-unbooked"))
    await market.quiet()
    charge = (await market.stripe("GET", "/v1/charges?limit=1"))["data"][0]["id"]
    assert names(await market.newly_broken(before), "I4", charge, " 0 here")


async def test_i6_a_paid_invoice_that_leaves_its_money_as_credit(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = post_entries.invoice_drafts

    def unused(invoice: Invoice) -> list[Draft]:
        return [draft for draft in drafts(invoice) if draft.kind is not Kind.INVOICE_PAID]

    monkeypatch.setattr(post_entries, "invoice_drafts", unused)
    order = await market.buy("i6-unused")
    await market.delivered(order)
    await market.quiet()
    found = await market.newly_broken(before)
    assert names(found, "I6", "0 there")
    assert found["I4"], "the invoice is still owed"


async def test_i4_a_ledger_appears_and_nobody_reads_it(market: Market, before: set[tuple[str, str]]) -> None:
    await market.sql("CREATE TABLE billing.ledger_entries (id int)")
    try:
        found = await market.newly_broken(before)
    finally:
        await market.sql("DROP TABLE billing.ledger_entries")
    assert found["I4"] == ["billing.ledger_entries"]


async def test_i7_a_machine_stops_and_drift_is_not_looked_for(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_look(*_arguments: Any) -> dict[str, Any]:
        """The guard that is gone."""
        return {}

    monkeypatch.setattr(clock, "compare_all", no_look)
    order = await market.buy("i7")
    await market.delivered(order)
    rows = await market.sql(
        f"SELECT external_ref FROM provisioning.resources WHERE order_id = '{decode_id('ord', order)}'"
    )
    machine = int(rows[0]["external_ref"])
    await market.hypervisor("POST", f"/api2/json/nodes/pve1/qemu/{machine}/status/stop")

    async def stopped() -> bool:
        listed = await market.hypervisor("GET", "/_sandbox/machines")
        return any(row["vmid"] == machine and row["status"] == "stopped" for row in listed)

    await eventually(stopped, what="the machine to stop")
    found = await market.newly_broken(before)
    service = (await market.api("GET", f"/api/v1/services?order_id={order}"))["data"][0]["id"]
    assert found["I7"] == [service]


async def test_the_amount_check_taken_out_is_seen_although_everything_looks_paid(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checkout, "_difference", lambda *_arguments: None)
    order = await market.order("cheap")
    page = await market.session(order)
    await market.stripe("POST", "/_sandbox/faults", {"next_checkout": [{"amount": 1}]})
    await market.stripe("POST", f"/_sandbox/checkout/{page}/pay", {"outcome": "success"})
    await market.delivered(order)
    assert names(await market.newly_broken(before), "B8", order, "fulfilled")
