"""What billing reports about renewals: it concerns the items it names, whatever comes twice, late or out of order."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts import billing, catalog
from shared.kernel import new_id
from tests.api.catalog.conftest import Json, Shop

FEBRUARY, MARCH, APRIL = (datetime(2026, month, 28, 12, tzinfo=UTC) for month in (2, 3, 4))


async def bought(shop: Shop, *, paid: bool = True) -> Json:
    """Two servers that renew monthly and one that renews yearly."""
    placed = await shop.placed(
        {"plan": "vps-s", "interval": "month", "quantity": 2, "hostname": "web"},
        {"plan": "vps-m", "interval": "year", "hostname": "db"},
    )
    if paid:
        await shop.hear(shop.paid(placed))
    return await shop.read(placed)


def told(order: Json, kind: type[Any], *items: int, **facts: Any) -> Any:
    """A fact about the subscription of these items of the order."""
    known = {
        "subscription_id": "sub_1",
        "order_id": order["id"],
        "account_id": order["customer"]["account_id"],
        "item_ids": [order["items"][index]["id"] for index in items],
        "interval": "month",
        "invoice_id": new_id("inv"),
        "amount_minor": 1000,
        "currency": "EUR",
        "code": "card_declined",
        "message": "Your card was declined.",
        "reason": "canceled",
        "started_at": FEBRUARY,
        "paid_at": MARCH,
        "failed_at": MARCH,
        "recovered_at": MARCH,
        "ended_at": MARCH,
        "rescheduled_at": FEBRUARY,
    }
    return kind.model_validate({name: known[name] for name in kind.model_fields if name in known} | facts)


def until(order: Json) -> list[str | None]:
    return [right["paid_until"] and right["paid_until"][:10] for right in order["entitlements"]]


async def test_a_renewal_extends_the_named_items_once_per_period(shop: Shop) -> None:
    order = await bought(shop)
    await shop.hear(told(order, billing.SubscriptionStarted, 0, period_end=FEBRUARY))
    assert until(await shop.read(order)) == ["2026-02-28", "2026-02-28", None]
    for period_end in (MARCH, MARCH, APRIL, MARCH):
        await shop.hear(told(order, billing.SubscriptionRenewed, 0, period_end=period_end))
    read = await shop.read(order)
    assert until(read) == ["2026-04-28", "2026-04-28", None]
    titles = await shop.titles(order)
    assert (titles.count("Renewed · €10.00"), titles.count("Renews per month")) == (2, 1)
    assert [(one["interval"], one["next_at"]) for one in read["renewals"]] == [
        ("month", "2026-04-28T12:00:00.000Z"),
        ("year", None),
    ]
    await shop.hear(told(order, billing.SubscriptionRescheduled, 1, period_end=APRIL, reason="delivered late"))
    assert until(await shop.read(order)) == ["2026-04-28"] * 3
    assert "The next charge moved to 28 April 2026" in await shop.titles(order)


async def test_a_period_that_is_told_before_the_payment_is_not_lost(shop: Shop) -> None:
    order = await bought(shop, paid=False)
    await shop.hear(told(order, billing.SubscriptionStarted, 0, period_end=FEBRUARY))
    await shop.hear(shop.paid(order))
    assert until(await shop.read(order)) == ["2026-02-28", "2026-02-28", None]


FACTS: dict[str, Any] = {
    "due": lambda order: told(order, billing.SubscriptionPastDue, 0, failed_at=FEBRUARY),
    "due again": lambda order: told(order, billing.SubscriptionPastDue, 0, failed_at=FEBRUARY),
    "recovered": lambda order: told(order, billing.SubscriptionRecovered, 0, recovered_at=MARCH),
}


@pytest.mark.parametrize("names", itertools.permutations(FACTS), ids=" · ".join)
async def test_what_was_past_due_and_is_paid_needs_nobody_in_any_order(shop: Shop, names: tuple[str, ...]) -> None:
    order = await bought(shop)
    for name in names:
        await shop.hear(FACTS[name](order))
    assert (await shop.read(order))["attention"] == []


async def test_two_subscriptions_of_an_order_fall_due_and_recover_for_themselves(shop: Shop) -> None:
    order = await bought(shop)
    for item in (0, 1):
        await shop.hear(told(order, billing.SubscriptionPastDue, item))
    await shop.hear(told(order, billing.SubscriptionRecovered, 0))
    assert (await shop.read(order))["attention"] == ["past_due"]
    entry = next(one for one in await shop.story(order) if one["title"] == "A renewal could not be charged")
    assert (entry["state"], entry["detail"]) == ("failed", "web · Your card was declined.")
    renewed = told(order, billing.SubscriptionRenewed, 1, period_end=APRIL, paid_at=APRIL)
    await shop.hear(renewed)
    assert (await shop.read(order))["attention"] == []


async def test_a_subscription_that_ends_ends_its_items_and_leaves_the_neighbours(shop: Shop) -> None:
    order = await bought(shop)
    for index in range(3):
        await shop.hear(shop.running(order, index))
    for _ in range(2):
        await shop.hear(told(order, billing.SubscriptionEnded, 0))
    read = await shop.read(order)
    assert [right["status"] for right in read["entitlements"]] == ["ended", "ended", "active"]
    facts = await shop.published(catalog.EntitlementEnded)
    assert {fact.item_id for fact in facts} == {order["items"][0]["id"]}
    assert {fact.reason for fact in facts} == {"the subscription was canceled"}
    assert len(facts) == 2
    assert [one["interval"] for one in read["renewals"]] == ["year"]
    await shop.hear(told(order, billing.SubscriptionRenewed, 0, period_end=APRIL))
    assert [right["status"] for right in (await shop.read(order))["entitlements"]] == ["ended", "ended", "active"]


async def test_items_that_ended_before_their_payment_was_heard_of_end_at_once(shop: Shop) -> None:
    order = await bought(shop, paid=False)
    await shop.hear(told(order, billing.SubscriptionEnded, 0))
    await shop.hear(shop.paid(order))
    assert [right["status"] for right in (await shop.read(order))["entitlements"]] == ["ended", "ended", "granted"]
    assert len(await shop.published(catalog.EntitlementGranted)) == 3
    assert len(await shop.published(catalog.EntitlementEnded)) == 2


async def test_facts_about_unknown_orders_and_items_wait_and_are_tried_again(shop: Shop) -> None:
    order = await bought(shop)
    known = told(order, billing.SubscriptionEnded, 0)
    for wrong in ({"order_id": new_id("ord")}, {"item_ids": (new_id("itm"),)}, {"account_id": new_id("acc")}):
        await shop.hear(known.model_copy(update=wrong))
    assert await shop.count("inbox", "state = 'ready'") == 3
    assert await shop.count("entitlements", "status = 'granted'") == 3


async def test_money_that_goes_back_or_is_in_doubt_is_told_and_shown_to_staff(shop: Shop) -> None:
    order = await bought(shop)
    money: Json = {"order_id": order["id"], "account_id": shop.ada.account_id, "item_ids": [], "currency": "EUR"}
    refund = money | {"refund_id": "re_1", "amount_minor": 500, "refunded_at": MARCH}
    opened = money | {"dispute_id": "dp_1", "amount_minor": 500, "reason": "fraudulent", "opened_at": MARCH}
    closed = money | {"dispute_id": "dp_1", "outcome": "lost", "closed_at": APRIL}
    await shop.hear(billing.RefundSucceeded.model_validate(refund))
    await shop.hear(billing.RefundSucceeded.model_validate(refund | {"order_id": None}))
    await shop.hear(billing.DisputeOpened.model_validate(opened))
    await shop.hear(billing.DisputeClosed.model_validate(closed))
    read = await shop.read(order)
    assert (read["attention"], read["status"]) == (["refunded", "disputed", "dispute_closed"], "paid")
    assert (await shop.titles(order))[-1] == "Refunded · €5.00"
    assert (await shop.titles(order, shop.grace))[-2:] == [
        "The payer's bank disputes the payment",
        "The dispute is decided",
    ]
    assert await shop.count("inbox", "state = 'ready'") == 0
