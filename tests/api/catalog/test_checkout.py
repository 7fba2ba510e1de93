"""The way to the payment page: one page per order, and nothing lost while billing is away."""

import asyncio
from datetime import timedelta

import httpx

from services.catalog.main import create_service
from services.catalog.settings import CatalogSettings
from shared.contracts.catalog import OrderCanceled
from shared.messaging import LocalBroker, LocalTransport
from tests.api.catalog.conftest import Shop
from tests.support.callers import bearer
from tests.support.database import free_port


async def test_billing_is_asked_for_exactly_what_was_ordered(shop: Shop) -> None:
    line = {"plan": "vps-xl", "interval": "month", "quantity": 2, "hostname": "web"}
    placed = await shop.placed(line, {"plan": "vps-s", "interval": "month"})
    response = await shop.post(f"/api/v1/orders/{placed['id']}/checkout")
    assert response.status_code == 200
    assert response.json() == {
        "url": f"https://pay.example/{placed['id']}",
        "expires_at": placed["expires_at"],
    }
    (asked,) = shop.billing.asked
    assert {name: asked[name] for name in ("order_id", "order_number", "account_id", "currency", "total_minor")} == {
        "order_id": placed["id"],
        "order_number": placed["number"],
        "account_id": shop.ada.account_id,
        "currency": "EUR",
        "total_minor": 12100,
    }
    first = asked["lines"][0]
    assert first.pop("price_id").startswith("prc_")
    assert [one["item_id"] for one in asked["lines"]] == [item["id"] for item in placed["items"]]
    assert first == {
        "item_id": placed["items"][0]["id"],
        "description": "VPS XL · web",
        "quantity": 2,
        "unit_amount_minor": 4800,
        "setup_fee_minor": 1000,
        "interval": "month",
    }
    due = sum((one["unit_amount_minor"] + one["setup_fee_minor"]) * one["quantity"] for one in asked["lines"])
    assert due == asked["total_minor"]
    assert await shop.titles(placed) == ["Order placed", "Payment page opened", "Waiting for your payment"]


async def test_asking_again_opens_no_second_page(shop: Shop) -> None:
    placed = await shop.placed()
    answers = await asyncio.gather(*(shop.post(f"/api/v1/orders/{placed['id']}/checkout") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["url"] for answer in answers}) == 1
    assert len(shop.billing.pages) == 1
    asked = len(shop.billing.asked)
    assert (await shop.post(f"/api/v1/orders/{placed['id']}/checkout")).status_code == 200
    assert len(shop.billing.asked) == asked
    assert (await shop.titles(placed)).count("Payment page opened") == 1


async def test_an_open_page_is_found_while_billing_is_away(shop: Shop) -> None:
    placed = await shop.placed()
    first = await shop.post(f"/api/v1/orders/{placed['id']}/checkout")
    shop.billing.status = 503
    again = await shop.post(f"/api/v1/orders/{placed['id']}/checkout")
    assert again.content == first.content


async def test_while_billing_fails_the_order_is_kept_and_can_be_paid_later(shop: Shop) -> None:
    placed = await shop.placed()
    for status, retry_after in ((500, "5"), (502, "5"), (503, "17"), (429, "120"), (401, "5"), (422, "5"), (302, "5")):
        shop.billing.status = status
        shop.billing.headers = {503: [(b"retry-after", b"17")], 429: [(b"retry-after", b"86400")]}.get(status, [])
        response = await shop.post(f"/api/v1/orders/{placed['id']}/checkout")
        assert (response.status_code, response.headers["retry-after"]) == (503, retry_after), status
        assert response.json()["type"].endswith("/billing-away")
    shop.billing.status, shop.billing.headers = 200, []
    for body in (b"", b"{}", b"<html>", b'{"checkout_id": 1, "url": null, "expires_at": "soon"}'):
        shop.billing.body = body
        assert (await shop.post(f"/api/v1/orders/{placed['id']}/checkout")).status_code == 503
    shop.billing.body = None
    assert (await shop.read(placed))["status"] == "awaiting_payment"
    assert (await shop.post(f"/api/v1/orders/{placed['id']}/checkout")).status_code == 200
    assert len(shop.billing.pages) == 1


async def test_billing_that_cannot_be_reached_is_away(shop: Shop, catalog_settings: CatalogSettings) -> None:
    placed = await shop.placed()
    settings = catalog_settings.model_copy(update={"billing_url": f"http://127.0.0.1:{free_port()}"})
    service = create_service(settings, LocalTransport(LocalBroker()), clock=shop.clock)
    async with (
        service.app.router.lifespan_context(service.app),
        httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://catalog.test") as client,
    ):
        response = await client.post(f"/api/v1/orders/{placed['id']}/checkout", headers=bearer(shop.ada))
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert (await shop.read(placed))["status"] == "awaiting_payment"


async def test_what_billing_will_not_take_is_not_payable(shop: Shop) -> None:
    placed = await shop.placed()
    shop.billing.status = 409
    for body, detail in (
        (
            b'{"detail": "A payment for this order has already arrived."}',
            "A payment for this order has already arrived.",
        ),
        (b'{"detail": ""}', "This order cannot be paid any more."),
        (b"<html>", "This order cannot be paid any more."),
    ):
        shop.billing.body = body
        response = await shop.post(f"/api/v1/orders/{placed['id']}/checkout")
        assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (409, "order-not-payable")
        assert response.json()["detail"] == detail


async def test_a_closed_order_has_no_payment_page(shop: Shop) -> None:
    canceled, paid, expired, late = [await shop.placed() for _ in range(4)]
    await shop.post(f"/api/v1/orders/{canceled['id']}/cancel")
    await shop.hear(shop.paid(paid))
    await shop.hear(shop.expired(expired))
    for order in (canceled, paid, expired):
        response = await shop.post(f"/api/v1/orders/{order['id']}/checkout")
        assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (409, "order-not-payable")
    shop.clock.advance(timedelta(hours=24))
    assert (await shop.post(f"/api/v1/orders/{late['id']}/checkout")).status_code == 409
    assert shop.billing.asked == []


async def test_an_order_canceled_while_its_page_is_opened_is_told_once(shop: Shop) -> None:
    placed = await shop.placed()

    async def cancel_meanwhile() -> None:
        assert (await shop.post(f"/api/v1/orders/{placed['id']}/cancel")).status_code == 200

    shop.billing.before_answer = cancel_meanwhile
    response = await shop.post(f"/api/v1/orders/{placed['id']}/checkout")
    assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (409, "order-not-payable")
    facts = await shop.published(OrderCanceled)
    assert [fact.order_id for fact in facts] == [placed["id"]], "billing remembers, and needs no second word"


async def test_a_page_about_to_close_is_asked_for_again(shop: Shop) -> None:
    placed = await shop.placed()
    await shop.post(f"/api/v1/orders/{placed['id']}/checkout")
    shop.clock.advance(timedelta(hours=23, minutes=59, seconds=30))
    assert (await shop.post(f"/api/v1/orders/{placed['id']}/checkout")).status_code == 200
    assert len(shop.billing.asked) == 2
