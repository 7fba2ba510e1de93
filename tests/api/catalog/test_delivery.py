"""What provisioning reports: an order is fulfilled when all of it runs, and trouble is told calmly."""

import asyncio

import pytest

from services.catalog.domain import Entitlement
from shared.kernel import new_id
from tests.api.catalog.conftest import Json, Shop


async def paid(shop: Shop, quantity: int = 1) -> Json:
    placed = await shop.placed({"plan": "vps-s", "interval": "month", "quantity": quantity, "hostname": "web"})
    await shop.hear(shop.paid(placed))
    return await shop.read(placed)


async def test_an_order_is_fulfilled_when_all_of_its_services_run(shop: Shop) -> None:
    order = await paid(shop, 3)
    for index in (2, 0):
        await shop.hear(shop.running(order, index))
    half = await shop.read(order)
    assert (half["status"], half["fulfilled_at"]) == ("paid", None)
    assert [right["status"] for right in half["entitlements"]] == ["active", "granted", "active"]
    await shop.hear(shop.running(order, 1))
    done = await shop.read(order)
    assert (done["status"], done["fulfilled_at"]) == ("fulfilled", "2026-01-31T12:00:00.000Z")
    assert all(right["service_id"].startswith("svc_") for right in done["entitlements"])
    assert await shop.titles(order) == [
        "Order placed",
        "Payment received · €15.00",
        "Granted: 3 services",
        "web-3 is running",
        "web-1 is running",
        "web-2 is running",
        "Everything is running",
    ]


async def test_a_single_service_is_told_once(shop: Shop) -> None:
    order = await paid(shop)
    before = (await shop.get(f"/api/v1/orders/{order['id']}/timeline")).json()["data"][-1]
    assert (before["title"], before["state"], before["detail"]) == ("Granted: 1 service", "done", None)
    await shop.hear(shop.running(order))
    entries = (await shop.get(f"/api/v1/orders/{order['id']}/timeline")).json()["data"]
    assert [entry["title"] for entry in entries][2:] == ["Granted: 1 service", "Everything is running"]
    assert {entry["state"] for entry in entries} == {"done"}
    assert len({entry["key"] for entry in entries}) == len(entries)


async def test_services_that_come_up_at_once_fulfill_the_order_once(shop: Shop) -> None:
    order = await paid(shop, 10)
    await asyncio.gather(*(shop.hear(shop.running(order, index)) for index in range(10) for _ in range(2)))
    assert (await shop.read(order))["status"] == "fulfilled"
    assert (await shop.titles(order)).count("Everything is running") == 1
    assert await shop.count("inbox", "state = 'done'") == 21


async def test_a_service_that_needs_help_keeps_the_order_paid_and_says_that_we_are_on_it(shop: Shop) -> None:
    order = await paid(shop)
    for _ in range(2):
        await shop.hear(shop.undeliverable(order))
    late = await shop.read(order)
    assert (late["status"], late["attention"]) == ("paid", ["delivery_failed"])
    assert late["entitlements"][0]["status"] == "delayed"
    entry = (await shop.get(f"/api/v1/orders/{order['id']}/timeline")).json()["data"][-1]
    assert (entry["title"], entry["state"]) == ("web takes longer than usual", "active")
    assert "no room" not in entry["detail"]
    for_staff = (await shop.get(f"/api/v1/staff/orders/{order['id']}/timeline", shop.grace)).json()["data"][-1]
    assert for_staff["detail"] == "no room on any node"
    await shop.hear(shop.running(order))
    done = await shop.read(order)
    assert (done["status"], done["attention"]) == ("fulfilled", [])
    entries = (await shop.get(f"/api/v1/orders/{order['id']}/timeline")).json()["data"]
    assert {entry["state"] for entry in entries} == {"done"}


async def test_old_news_of_a_failure_does_not_trouble_a_running_service(shop: Shop) -> None:
    order = await paid(shop)
    await shop.hear(shop.running(order))
    before = await shop.read(order)
    await shop.hear(shop.undeliverable(order))
    assert await shop.read(order) == before


async def test_a_second_service_for_one_entitlement_is_shown_to_staff(shop: Shop) -> None:
    order = await paid(shop)
    await shop.hear(shop.running(order))
    for _ in range(2):
        await shop.hear(shop.running(order, service_id=new_id("svc")))
    again = await shop.read(order)
    assert (again["status"], again["attention"]) == ("fulfilled", ["second_service"])
    assert again["entitlements"][0]["service_id"].endswith(again["entitlements"][0]["id"][4:])
    staff_titles = await shop.titles(order, shop.grace)
    assert staff_titles.count("A second service reports for one entitlement") == 1
    assert not any("second" in title for title in await shop.titles(order))


async def test_news_of_a_service_nobody_was_granted_waits_for_staff_to_see_it(shop: Shop) -> None:
    order = await paid(shop)
    running = shop.running(order)
    for changes in (
        {"entitlement_id": new_id("ent")},
        {"order_id": new_id("ord")},
        {"account_id": shop.eve.account_id},
    ):
        await shop.hear(running.model_copy(update=changes))
    assert (await shop.read(order))["status"] == "paid"
    assert await shop.count("inbox", "state = 'ready'") == 3


@pytest.mark.parametrize("fact", ["running", "undeliverable"])
async def test_news_of_an_ended_entitlement_changes_nothing(shop: Shop, fact: str) -> None:
    order = await paid(shop)
    async with shop.database.work() as work:
        right = await work.session.get_one(Entitlement, order["entitlements"][0]["id"])
        right.end(at=shop.clock.now(), by="test", reason="the account was closed")
    await shop.hear(getattr(shop, fact)(order))
    after = await shop.read(order)
    assert (after["entitlements"][0]["status"], after["status"]) == ("ended", "paid")
    assert await shop.count("inbox", "state = 'done'") == 2
    assert "web has ended" in await shop.titles(order)
