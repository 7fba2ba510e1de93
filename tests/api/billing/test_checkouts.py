"""Payment pages: one per order, opened at Stripe once however often and however concurrently they are asked for."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.billing.use_cases import open_checkout
from shared.contracts.catalog import OrderCanceled
from tests.api.billing.conftest import PUBLIC_URL, Shop, stripe_events
from tests.api.billing.payment_pages import sessions, slug
from tests.support.stripe_sandbox import RunningSandbox


async def test_a_page_shows_what_the_order_costs_and_leads_back_to_the_order(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    order = shop.order(await shop.account())
    answer = await shop.billing.open_checkout(order)
    assert answer.status_code == 200
    [made] = await sessions(sandbox)
    assert answer.json()["url"] == made["url"]
    assert answer.json()["checkout_id"] == made["client_reference_id"]
    assert (made["mode"], made["amount_total"], made["currency"]) == ("subscription", 2700, "eur")
    assert made["success_url"] == f"{PUBLIC_URL}/orders/{order.order_id}?checkout=success"
    assert made["cancel_url"] == f"{PUBLIC_URL}/orders/{order.order_id}?checkout=canceled"
    assert abs(made["expires_at"] - order.expires_at.timestamp()) < 2
    lines = (await sandbox.control.get(f"/v1/checkout/sessions/{made['id']}/line_items")).json()["data"]
    assert [(line["quantity"], line["amount_total"]) for line in lines] == [(2, 2400), (2, 300)]
    assert [bool(line["price"]["recurring"]) for line in lines] == [True, False]
    people = (await sandbox.control.get("/v1/customers")).json()["data"]
    assert [(person["email"], person["metadata"]["account_id"]) for person in people] == [
        ("ada@example.com", order.account_id)
    ]


async def test_asking_again_gives_the_same_page(shop: Shop, sandbox: RunningSandbox) -> None:
    order = shop.order(await shop.account())
    first, second = await shop.billing.open_checkout(order), await shop.billing.open_checkout(order)
    assert first.json() == second.json()
    assert len(await sessions(sandbox)) == 1


async def test_twenty_concurrent_requests_open_one_page(shop: Shop, sandbox: RunningSandbox) -> None:
    order = shop.order(await shop.account())
    answers = await asyncio.gather(*(shop.billing.open_checkout(order) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    urls = {answer.json()["url"] for answer in answers if answer.status_code == 200}
    assert len(urls) == 1
    assert len(await sessions(sandbox)) == 1
    assert len(await shop.billing.rows("checkouts")) == 1
    assert len((await sandbox.control.get("/v1/customers")).json()["data"]) == 1


async def test_a_slow_call_and_an_impatient_second_request_open_one_page(shop: Shop, sandbox: RunningSandbox) -> None:
    order = shop.order(await shop.account())
    await shop.billing.run_tasks()
    slow = {"kind": "delay", "times": 1, "seconds": 1.0, "match": "POST /v1/checkout/sessions"}
    await sandbox.faults(api=[slow])
    first = asyncio.create_task(shop.billing.open_checkout(order))
    await asyncio.sleep(0.4)
    second = await shop.billing.open_checkout(order)
    assert (await first).json() == second.json()
    assert len(await sessions(sandbox)) == 1


@pytest.mark.parametrize(
    ("hours", "shortest", "longest"), [(0.1, 30.5, 32), (12, 719, 721), (80, 1438, 1440)], ids=["soon", "today", "late"]
)
async def test_the_page_lives_as_long_as_the_order_within_what_stripe_allows(
    shop: Shop, sandbox: RunningSandbox, hours: float, shortest: float, longest: float
) -> None:
    order = shop.order(await shop.account(), expires_at=datetime.now(UTC) + timedelta(hours=hours))
    assert (await shop.billing.open_checkout(order)).status_code == 200
    [made] = await sessions(sandbox)
    assert shortest * 60 <= made["expires_at"] - datetime.now(UTC).timestamp() <= longest * 60


async def test_an_order_whose_time_is_over_is_not_payable(shop: Shop) -> None:
    order = shop.order(await shop.account(), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    answer = await shop.billing.open_checkout(order)
    assert (answer.status_code, slug(answer)) == (409, "order-not-payable")


async def test_a_paid_order_gets_no_second_page(shop: Shop, sandbox: RunningSandbox) -> None:
    order = shop.order(await shop.account())
    await shop.billing.open_checkout(order)
    await sandbox.pay((await sessions(sandbox))[0]["id"])
    await shop.billing.apply(*await stripe_events(sandbox))
    answer = await shop.billing.open_checkout(order)
    assert (answer.status_code, slug(answer)) == (409, "order-not-payable")


async def test_a_page_that_was_paid_unheard_is_noticed_before_another_is_opened(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    order = shop.order(await shop.account(), expires_at=datetime.now(UTC) + timedelta(hours=80))
    await shop.billing.open_checkout(order)
    await sandbox.pay((await sessions(sandbox))[0]["id"])
    shop.billing.clock.ahead = timedelta(hours=24)
    answer = await shop.billing.open_checkout(order)
    assert (answer.status_code, slug(answer)) == (409, "order-not-payable")
    assert len(await sessions(sandbox)) == 1
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1


async def test_after_a_page_expired_the_order_gets_a_new_one_and_nobody_is_told_it_expired(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    order = shop.order(await shop.account(), expires_at=datetime.now(UTC) + timedelta(hours=80))
    first = await shop.billing.open_checkout(order)
    await sandbox.control.post("/_sandbox/clock", json={"advance_seconds": 24 * 3600})
    shop.billing.clock.ahead = timedelta(hours=24)
    second = await shop.billing.open_checkout(order)
    assert second.status_code == 200, second.text
    assert second.json()["checkout_id"] == first.json()["checkout_id"]
    assert second.json()["url"] != first.json()["url"]
    assert sorted(item["status"] for item in await sessions(sandbox)) == ["expired", "open"]
    await shop.billing.apply(*[item for item in await stripe_events(sandbox) if "session" in item["type"]])
    assert await shop.billing.facts("billing.checkout.expired") == []


async def test_a_canceled_order_closes_its_page(shop: Shop, sandbox: RunningSandbox) -> None:
    order = shop.order(await shop.account())
    await shop.billing.open_checkout(order)
    await shop.billing.hear(OrderCanceled(order_id=order.order_id, account_id=order.account_id, reason="by customer"))
    await shop.billing.hear(OrderCanceled(order_id=order.order_id, account_id=order.account_id, reason="again"))
    await shop.billing.run_tasks()
    assert [item["status"] for item in await sessions(sandbox)] == ["expired"]
    assert len(await shop.billing.facts("billing.checkout.expired")) == 1
    answer = await shop.billing.open_checkout(order)
    assert (answer.status_code, slug(answer)) == (409, "order-not-payable")


async def test_an_order_canceled_before_its_page_was_asked_for_gets_none(shop: Shop, sandbox: RunningSandbox) -> None:
    order = shop.order(await shop.account())
    await shop.billing.hear(OrderCanceled(order_id=order.order_id, account_id=order.account_id, reason="by customer"))
    answer = await shop.billing.open_checkout(order)
    assert (answer.status_code, slug(answer)) == (409, "order-not-payable")
    assert await sessions(sandbox) == []


async def test_an_order_canceled_while_its_page_is_being_opened_ends_without_an_open_page(
    shop: Shop, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = shop.order(await shop.account())
    canceled = OrderCanceled(order_id=order.order_id, account_id=order.account_id, reason="by customer")
    record = open_checkout.record_session

    async def canceled_meanwhile(*parts: Any) -> Any:
        await asyncio.shield(hearing)
        return await record(*parts)

    hearing = asyncio.ensure_future(asyncio.sleep(0))
    prepare = open_checkout.prepare_checkout

    async def then_cancel(*parts: Any) -> Any:
        nonlocal hearing
        step = await prepare(*parts)
        hearing = asyncio.ensure_future(shop.billing.hear(canceled))
        return step

    monkeypatch.setattr(open_checkout, "prepare_checkout", then_cancel)
    monkeypatch.setattr(open_checkout, "record_session", canceled_meanwhile)
    answer = await shop.billing.open_checkout(order)
    assert (answer.status_code, slug(answer)) == (409, "order-not-payable")
    await shop.billing.run_tasks()
    assert [item["status"] for item in await sessions(sandbox)] == ["expired"]


async def test_an_order_that_was_paid_while_it_was_canceled_is_paid(shop: Shop, sandbox: RunningSandbox) -> None:
    order = shop.order(await shop.account())
    await shop.billing.open_checkout(order)
    await sandbox.pay((await sessions(sandbox))[0]["id"])
    await shop.billing.hear(OrderCanceled(order_id=order.order_id, account_id=order.account_id, reason="by customer"))
    await shop.billing.run_tasks()
    assert len(await shop.billing.facts("billing.checkout.paid")) == 1
    assert await shop.billing.facts("billing.checkout.expired") == []


async def test_a_crash_after_the_call_is_repaired_by_the_next_request(
    shop: Shop, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = shop.order(await shop.account())

    class Killed(BaseException):
        pass

    def kill(point: str) -> None:
        if point == "billing.checkout.after_call":
            raise Killed

    monkeypatch.setattr(open_checkout, "reach", kill)
    with pytest.raises(BaseException):  # noqa: B017 - whatever the kill becomes on its way out
        await shop.billing.open_checkout(order)
    monkeypatch.undo()
    answer = await shop.billing.open_checkout(order)
    assert answer.status_code == 200, answer.text
    [made] = await sessions(sandbox)
    assert made["url"] == answer.json()["url"]


@pytest.mark.parametrize("kind", ["drop_after_processing", "drop_connection", "status", "rate_limit"])
async def test_when_stripe_misbehaves_once_the_page_is_still_opened_once(
    shop: Shop, sandbox: RunningSandbox, kind: str
) -> None:
    order = shop.order(await shop.account())
    fault = {"kind": kind, "times": 1, "match": "POST /v1/checkout/sessions"}
    await sandbox.faults(api=[{**fault, "status": 500} if kind == "status" else fault])
    for _attempt in range(3):
        answer = await shop.billing.open_checkout(order)
        if answer.status_code == 200:
            break
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
    assert answer.status_code == 200
    assert [item["status"] for item in await sessions(sandbox)] == ["open"]


async def test_while_stripe_is_away_catalog_is_told_to_come_back(shop: Shop, sandbox: RunningSandbox) -> None:
    order = shop.order(await shop.account())
    await sandbox.faults(api=[{"kind": "drop_connection", "times": 100, "match": ""}])
    answer = await shop.billing.open_checkout(order)
    assert (answer.status_code, slug(answer)) == (503, "payments-away")
    await sandbox.faults(api=[])
    assert (await shop.billing.open_checkout(order)).status_code == 200
    assert len(await sessions(sandbox)) == 1


async def test_an_error_stripe_keeps_repeating_under_one_key_is_left_behind(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    order = shop.order(await shop.account())
    await sandbox.faults(api=[{"kind": "status", "status": 500, "times": 3, "match": "POST /v1/checkout/sessions"}])
    assert (await shop.billing.open_checkout(order)).status_code == 503
    assert (await shop.billing.open_checkout(order)).status_code == 200
    [row] = await shop.billing.rows("checkouts", "attempt")
    assert row["attempt"] == 2
    assert [item["status"] for item in await sessions(sandbox)] == ["open"]
