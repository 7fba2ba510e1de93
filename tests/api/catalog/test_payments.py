"""Money arrives: once, twice, too late, wrong, and in any order."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.catalog import EntitlementGranted
from shared.kernel import new_id
from shared.kernel.ids import uuid7
from tests.api.catalog.conftest import Json, Shop

SERVER: Json = {"plan": "vps-m", "interval": "month"}


async def test_a_paid_order_grants_every_unit_once(shop: Shop) -> None:
    placed = await shop.placed(
        {"plan": "vps-s", "interval": "month", "quantity": 3, "hostname": "web.example.com", "template": "almalinux-9"},
        {"plan": "vps-m", "interval": "month", "hostname": "db"},
    )
    await shop.hear(shop.paid(placed))
    order = await shop.read(placed)
    assert (order["status"], order["paid_at"]) == ("paid", "2026-01-31T12:00:00.000Z")
    assert [right["status"] for right in order["entitlements"]] == ["granted"] * 4
    facts = {fact.entitlement_id: fact for fact in await shop.published(EntitlementGranted)}
    assert set(facts) == {right["id"] for right in order["entitlements"]}
    told = [facts[right["id"]] for right in order["entitlements"]]
    assert [fact.hostname for fact in told] == ["web-1.example.com", "web-2.example.com", "web-3.example.com", "db"]
    first = told[0]
    assert (first.order_number, first.plan_code, first.plan_name) == (placed["number"], "vps-s", "VPS S")
    assert (first.product_type, first.template, first.account_id) == ("vps", "almalinux-9", shop.ada.account_id)
    assert first.spec == {"cores": 1, "memory_mb": 2048, "disk_gb": 40, "transfer_tb": 2}
    assert order["payments"][0]["outcome"] == "settled"
    assert first.name == first.hostname == first.configuration["hostname"]
    assert first.configuration["template"] == "almalinux-9"
    assert await shop.titles(placed) == ["Order placed", "Payment received · €27.00", "Granted: 4 services"]


async def test_an_order_is_paid_when_it_was_paid_not_when_that_was_heard(shop: Shop) -> None:
    placed = await shop.placed()
    paid_at = shop.clock.now()
    shop.clock.advance(timedelta(minutes=40))
    await shop.hear(shop.mismatched(placed, checkout_id="chk_1", received_minor=1200))
    await shop.hear(shop.paid(placed, checkout_id="chk_1", paid_at=paid_at))
    order = await shop.read(placed)
    assert (order["status"], order["paid_at"]) == ("paid", "2026-01-31T12:00:00.000Z")
    assert [payment["paid_at"] for payment in order["payments"]] == ["2026-01-31T12:00:00.000Z"]
    (entry,) = [one for one in await shop.story(placed) if one["title"].startswith("Payment received")]
    assert entry["at"] == "2026-01-31T12:00:00.000Z"


async def test_a_payment_may_name_its_items_and_pays_only_for_all_of_them(shop: Shop) -> None:
    placed, other = await shop.placed(SERVER, SERVER), await shop.placed(SERVER, SERVER)
    await shop.hear(shop.paid(placed, item_ids=[item["id"] for item in placed["items"]]))
    await shop.hear(shop.paid(other, item_ids=[other["items"][0]["id"]]))
    assert ((await shop.read(placed))["status"], (await shop.read(other))["status"]) == ("paid", "under_review")


async def test_one_fact_delivered_twenty_times_at_once_grants_once(shop: Shop) -> None:
    placed, identity = await shop.placed(), uuid7()
    fact = shop.paid(placed)
    await asyncio.gather(*(shop.hear(fact, identity) for _ in range(20)))
    assert await shop.count("entitlements") == 1
    assert await shop.count("inbox") == 1


async def test_one_payment_reported_twenty_times_at_once_grants_once(shop: Shop) -> None:
    placed = await shop.placed({"plan": "vps-s", "interval": "month", "quantity": 2})
    fact = shop.paid(placed)
    await asyncio.gather(*(shop.hear(fact) for _ in range(20)))
    order = await shop.read(placed)
    assert len(order["entitlements"]) == 2
    assert len(await shop.published(EntitlementGranted)) == 2
    assert (len(order["payments"]), order["attention"]) == (1, [])
    assert await shop.count("inbox", "state = 'done'") == 20


async def test_a_second_payment_is_shown_to_staff_and_grants_nothing(shop: Shop) -> None:
    placed = await shop.placed()
    await shop.hear(shop.paid(placed))
    for _ in range(2):
        await shop.hear(shop.paid(placed, checkout_id="chk_other"))
    order = await shop.read(placed)
    assert (order["status"], order["attention"]) == ("paid", ["second_payment"])
    assert [payment["outcome"] for payment in order["payments"]] == ["settled", "second"]
    assert len(order["entitlements"]) == 1
    assert "A second payment arrived — refund it" in await shop.titles(placed, shop.grace)
    assert not any("second" in title for title in await shop.titles(placed))


@pytest.mark.fault(11)
@pytest.mark.bug("CVE-2026-9189")
@pytest.mark.parametrize(
    "wrong",
    [{"amount_minor": 1}, {"amount_minor": 1201}, {"amount_minor": -1200}, {"currency": "USD"}, {"account_id": "eve"}],
    ids=str,
)
async def test_money_that_does_not_fit_delivers_nothing(shop: Shop, wrong: Json) -> None:
    if "account_id" in wrong:
        wrong = {"account_id": shop.eve.account_id}
    placed = await shop.placed()
    await shop.hear(shop.paid(placed, **wrong))
    order = await shop.read(placed)
    assert (order["status"], order["review_reason"]) == ("under_review", "payment_mismatch")
    assert (order["entitlements"], order["attention"]) == ([], ["mismatched_payment"])
    assert await shop.published(EntitlementGranted) == []
    assert await shop.titles(placed) == ["Order placed", "We are checking your payment"]
    assert (await shop.post(f"/api/v1/orders/{placed['id']}/checkout")).status_code == 409
    assert (await shop.post(f"/api/v1/orders/{placed['id']}/cancel")).status_code == 409


async def test_billing_s_own_mismatch_puts_the_order_under_review(shop: Shop) -> None:
    placed = await shop.placed()
    for _ in range(2):
        await shop.hear(shop.mismatched(placed))
    order = await shop.read(placed)
    assert (order["status"], len(order["payments"])) == ("under_review", 1)
    assert order["payments"][0]["reason"] == "the amount differs"
    timeline = (await shop.get(f"/api/v1/orders/{placed['id']}/timeline")).json()["data"]
    assert timeline[-1]["state"] == "active"
    assert "the amount differs" not in timeline[-1]["detail"]


@pytest.mark.parametrize(("close", "reason"), [("cancel", "paid_after_cancel"), ("expire", "paid_after_expiry")])
async def test_money_for_a_closed_order_waits_until_staff_accept_it(shop: Shop, close: str, reason: str) -> None:
    placed = await shop.placed()
    if close == "cancel":
        await shop.post(f"/api/v1/orders/{placed['id']}/cancel")
    else:
        await shop.hear(shop.expired(placed))
    for _ in range(3):
        await shop.hear(shop.paid(placed))
    order = await shop.read(placed)
    assert (order["status"], order["review_reason"], order["attention"]) == ("under_review", reason, ["late_payment"])
    assert order["entitlements"] == []
    accept = f"/api/v1/staff/orders/{placed['id']}/accept-payment"
    for body in ({}, {"reason": ""}, {"reason": "a\nb"}, {"reason": "x" * 501}, {"reason": "fine", "status": "paid"}):
        assert (await shop.post(accept, body, shop.grace)).status_code == 422
    for _ in range(2):
        accepted = await shop.post(accept, {"reason": "The customer still wants it."}, shop.grace)
        assert (accepted.status_code, accepted.json()["status"]) == (200, "paid")
    order = await shop.read(placed)
    assert (len(order["entitlements"]), order["attention"]) == (1, [])
    assert len(await shop.published(EntitlementGranted)) == 1
    entries = (await shop.get(f"/api/v1/staff/orders/{placed['id']}/timeline", shop.grace)).json()["data"]
    assert any(entry["detail"] == "Accepted by staff: The customer still wants it." for entry in entries)


async def test_nothing_can_be_accepted_where_no_money_waits(shop: Shop) -> None:
    placed = await shop.placed()
    path = f"/api/v1/staff/orders/{placed['id']}/accept-payment"
    response = await shop.post(path, {"reason": "a favour"}, shop.grace)
    assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (409, "nothing-to-accept")


async def test_the_latest_refusal_is_shown_until_the_order_is_paid(shop: Shop) -> None:
    placed = await shop.placed()
    for minutes in (5, 3, 5):
        await shop.hear(shop.failed(placed, minutes=minutes))
    shown = (await shop.get(f"/api/v1/orders/{placed['id']}")).json()
    assert shown["payment_problem"] == {"code": "card_declined", "message": "Your card was declined (5)."}
    assert (await shop.titles(placed)).count("Card was declined — try another card") == 1
    await shop.hear(shop.failed(placed, minutes=6, code="processing_error"))
    assert "The payment did not go through — try again" in await shop.titles(placed)
    await shop.hear(shop.paid(placed))
    await shop.hear(shop.failed(placed, minutes=9))
    shown = (await shop.get(f"/api/v1/orders/{placed['id']}")).json()
    assert (shown["status"], shown["payment_problem"]) == ("paid", None)


async def test_an_expired_page_expires_only_an_unpaid_order(shop: Shop) -> None:
    unpaid, paid = await shop.placed(), await shop.placed()
    await shop.hear(shop.paid(paid))
    for order in (unpaid, paid):
        for _ in range(2):
            await shop.hear(shop.expired(order))
    assert (await shop.read(unpaid))["status"] == "expired"
    assert (await shop.read(paid))["status"] == "paid"
    assert await shop.titles(unpaid) == ["Order placed", "The time to pay ran out"]


async def test_facts_about_another_account_or_an_unknown_order_change_nothing(shop: Shop) -> None:
    placed = await shop.placed()
    foreign: list[Any] = [
        shop.expired(placed).model_copy(update={"account_id": shop.eve.account_id}),
        shop.failed(placed).model_copy(update={"account_id": shop.eve.account_id}),
        shop.paid(placed, order_id=new_id("ord")),
        shop.mismatched(placed, order_id=new_id("ord")),
    ]
    for fact in foreign:
        await shop.hear(fact)
    order = await shop.read(placed)
    assert (order["status"], order["payment_problem"]) == ("awaiting_payment", None)
    assert await shop.count("inbox", "state = 'ready'") == len(foreign)


async def test_any_order_of_the_facts_leads_to_the_same_order(shop: Shop) -> None:
    """Every permutation of what may arrive for one order, each fact twice, ends fulfilled with one grant.

    A service cannot run before it was granted, so news of it is kept and tried again, as the inbox does.
    """
    names = ("paid", "declined", "page expired", "running", "failed")
    slots = asyncio.Semaphore(6)

    async def live(permutation: tuple[str, ...]) -> tuple[tuple[str, ...], Json]:
        async with slots:
            placed = await shop.placed()
            await _tell(shop, placed, await _tell(shop, placed, permutation))
            return permutation, await shop.read(placed)

    outcomes = await asyncio.gather(*(live(permutation) for permutation in itertools.permutations(names)))
    for permutation, order in outcomes:
        closed_first = permutation.index("page expired") < permutation.index("paid")
        expected = "under_review" if closed_first else "fulfilled"
        assert order["status"] == expected, permutation
        assert len(order["entitlements"]) == (0 if closed_first else 1), permutation
        assert [payment["outcome"] for payment in order["payments"]] == ["late" if closed_first else "settled"]
        assert order["attention"] == (["late_payment"] if closed_first else []), permutation
        assert order["payment_problem"] is None, permutation
    assert len({order["id"] for _, order in outcomes}) == 120
    granted = [fact.order_id for fact in await shop.published(EntitlementGranted)]
    assert sorted(granted) == sorted(order["id"] for _, order in outcomes if order["entitlements"])


async def _tell(shop: Shop, placed: Json, names: tuple[str, ...]) -> tuple[str, ...]:
    """Reports the facts in this order, each twice; returns those that came before there was anything to report on."""
    early, order = [], None if "paid" in names else await shop.read(placed)
    for name in names:
        if name in ("running", "failed") and (order is None or not order["entitlements"]):
            early.append(name)
            continue
        for _ in range(2):
            if name == "paid":
                await shop.hear(shop.paid(placed))
            elif name == "declined":
                await shop.hear(shop.failed(placed))
            elif name == "page expired":
                await shop.hear(shop.expired(placed))
            elif order is not None:
                await shop.hear(shop.running(order) if name == "running" else shop.undeliverable(order))
        if name == "paid":
            order = await shop.read(placed)
    return tuple(early)


async def test_a_payment_that_arrives_days_later_again_changes_nothing(shop: Shop) -> None:
    placed = await shop.placed()
    fact = shop.paid(placed)
    await shop.hear(fact)
    before = await shop.read(placed)
    shop.clock.advance(timedelta(days=3))
    await shop.hear(fact)
    assert await shop.read(placed) == before
