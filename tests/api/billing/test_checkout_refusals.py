"""Orders for which no payment page is opened."""

from dataclasses import replace
from typing import Any

import pytest

from shared.kernel import new_id
from tests.api.billing.carts import Line, cart
from tests.api.billing.conftest import Billing, Order, Shop
from tests.api.billing.payment_pages import ask, sessions, slug
from tests.support.callers import bearer, customer, service_bearer, staff
from tests.support.stripe_sandbox import RunningSandbox


@pytest.mark.parametrize(
    "changes", [{"total_minor": 2850, "fee": 225}, {"account": True}], ids=["another total", "another account"]
)
async def test_other_terms_for_the_same_order_are_refused(shop: Shop, changes: dict[str, Any]) -> None:
    order = shop.order(await shop.account())
    assert (await shop.billing.open_checkout(order)).status_code == 200
    other = replace(order, account_id=await shop.account("eve@example.com")) if "account" in changes else order
    body = other.body()
    if "fee" in changes:
        body["total_minor"] = changes["total_minor"]
        body["lines"][0]["setup_fee_minor"] = changes["fee"]
    answer = await ask(shop.billing, body)
    assert (answer.status_code, slug(answer)) == (409, "checkout-differs")


async def test_an_account_that_is_not_known_yet_is_a_matter_of_time(shop: Shop) -> None:
    answer = await shop.billing.open_checkout(shop.order(new_id("acc")))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_price_that_stripe_does_not_know_yet_is_a_matter_of_time(shop: Shop) -> None:
    order = Order(account_id=await shop.account(), price_id=new_id("prc"))
    answer = await shop.billing.open_checkout(order)
    assert (answer.status_code, slug(answer)) == (503, "price-not-synced")
    assert answer.headers["retry-after"] == "1"


async def test_lines_that_do_not_add_up_never_reach_stripe(shop: Shop, sandbox: RunningSandbox) -> None:
    answer = await shop.billing.open_checkout(shop.order(await shop.account(), total_minor=2699))
    assert (answer.status_code, slug(answer)) == (422, "total-differs")
    assert await sessions(sandbox) == []


async def test_a_line_that_is_cheaper_than_its_price_never_reaches_stripe(shop: Shop, sandbox: RunningSandbox) -> None:
    body = shop.order(await shop.account()).body()
    body["lines"][0]["unit_amount_minor"] = 1
    body["total_minor"] = 2 * 151
    answer = await ask(shop.billing, body)
    assert (answer.status_code, slug(answer)) == (409, "price-differs")
    assert await sessions(sandbox) == []


async def test_a_line_at_an_interval_nobody_knows_is_refused_rather_than_guessed(shop: Shop) -> None:
    body = shop.order(await shop.account()).body()
    body["lines"][0]["interval"] = "week"
    answer = await ask(shop.billing, body)
    assert (answer.status_code, slug(answer)) == (422, "unknown-interval")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/lines/0/interval"]


async def test_an_account_whose_services_renew_in_one_currency_cannot_pay_in_another_until_they_end(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    """Stripe would take the money for a mixed order, and then refuse to renew it."""
    bought = await (await cart(shop, sandbox, Line(), Line("year"))).pay()
    dollars = new_id("prc")
    await shop.billing.hear(shop.published(2, price_id=dollars, currency="USD"))
    await shop.billing.run_tasks()
    foreign = Order(account_id=bought.account_id, price_id=dollars, currency="USD")
    opened = len(await sessions(sandbox))
    answer = await shop.billing.open_checkout(foreign)
    assert (answer.status_code, slug(answer)) == (409, "other-currency")
    assert "renew in EUR" in answer.json()["detail"]
    assert len(await sessions(sandbox)) == opened

    elsewhere = replace(foreign, account_id=await shop.account("eve@example.com"), order_id=new_id("ord"))
    assert (await shop.billing.open_checkout(elsewhere)).status_code == 200
    await shop.billing.execute("UPDATE payment_group_items SET live_units = 0")
    assert (await shop.billing.open_checkout(foreign)).status_code == 200


async def test_two_lines_that_name_one_item_are_refused(shop: Shop) -> None:
    body = shop.order(await shop.account()).body()
    body["lines"] = [{**body["lines"][0], "item_id": new_id("itm")}] * 2
    body["total_minor"] = 5400
    answer = await ask(shop.billing, body)
    assert (answer.status_code, slug(answer)) == (422, "repeated-item")


@pytest.mark.parametrize("who", ["nobody", "customer", "staff", "support"])
async def test_only_catalog_may_ask_for_pages(shop: Shop, who: str) -> None:
    callers = {
        "nobody": {},
        "customer": bearer(customer()),
        "staff": bearer(staff()),
        "support": service_bearer("support", "billing"),
    }
    answer = await ask(shop.billing, shop.order(await shop.account()).body(), callers[who])
    assert answer.status_code == (401 if who == "nobody" else 403)


_BAD: list[tuple[str, dict[str, Any]]] = [
    ("unknown field", {"status": "paid"}),
    ("order id of another kind", {"order_id": new_id("acc")}),
    ("no id", {"order_id": "1"}),
    ("huge total", {"total_minor": 10**18}),
    ("negative total", {"total_minor": -1}),
    ("fraction", {"total_minor": 27.5}),
    ("text total", {"total_minor": "2700"}),
    ("boolean total", {"total_minor": True}),
    ("lower-case currency", {"currency": "eur"}),
    ("no lines", {"lines": []}),
    ("lines of another type", {"lines": "all"}),
    ("naive time", {"expires_at": "2026-01-01T00:00:00"}),
    ("no time", {"expires_at": None}),
    ("control characters", {"order_number": "EZ\u0000-1"}),
    ("line break", {"order_number": "EZ\r\nX"}),
]


_BAD_LINES: list[tuple[str, dict[str, Any]]] = [
    ("zero quantity", {"quantity": 0}),
    ("many", {"quantity": 10**9}),
    ("not a number", {"quantity": "NaN"}),
    ("negative fee", {"setup_fee_minor": -1}),
    ("interval of odd letters", {"interval": "Every week!"}),
    ("item id of another kind", {"item_id": new_id("ord")}),
    ("unknown line field", {"discount": 1}),
    ("NUL", {"description": "a\u0000b"}),
]


@pytest.mark.parametrize(
    ("changes", "line"),
    [(c, {}) for _n, c in _BAD] + [({}, line) for _n, line in _BAD_LINES],
    ids=[name for name, _ in _BAD + _BAD_LINES],
)
async def test_bad_input_is_refused(billing: Billing, changes: dict[str, Any], line: dict[str, Any]) -> None:
    body = {**Order(account_id=new_id("acc"), price_id=new_id("prc")).body(), **changes}
    if line:
        body["lines"] = [{**body["lines"][0], **line}]
    answer = await ask(billing, body)
    assert (answer.status_code, slug(answer)) == (422, "invalid")
    assert answer.json()["errors"]
