"""A quote says what an order would cost and why it would be refused, and keeps nothing."""

from typing import Any

from sqlalchemy import text

from shared.kernel import Principal
from tests.api.catalog.conftest import Json, Shop

SERVER: Json = {"plan": "vps-xl", "interval": "month", "configuration": {"hostname": "web", "root_password": True}}


async def quoted(shop: Shop, *items: Json, who: Principal | None = None, currency: str = "EUR") -> Any:
    body = {"currency": currency, "items": list(items)}
    if who is None:
        return await shop.client.post("/api/v1/quotes", json=body)
    return await shop.post("/api/v1/quotes", body, who)


async def test_anybody_may_ask_what_an_order_would_cost_and_the_order_costs_just_that(shop: Shop) -> None:
    items = [SERVER | {"quantity": 2}, {"plan": "vps-s", "interval": "year"}]
    answer = await quoted(shop, *items)
    assert answer.status_code == 200, answer.text
    quote = answer.json()
    placed = await shop.placed(*items)
    assert quote["due_now"] == placed["total"] == {"amount_minor": 16600, "currency": "EUR"}
    assert quote["renewals"] == placed["renewals"]
    assert [(one["interval"], one["total"]["amount_minor"]) for one in quote["renewals"]] == [
        ("month", 9600),
        ("year", 5000),
    ]
    for line, item in zip(quote["lines"], placed["items"], strict=True):
        same = ("plan", "product_type", "interval", "quantity", "unit", "setup_fee", "total")
        assert {name: line[name] for name in same} == {name: item[name] for name in same}
    assert [line["name"] for line in quote["lines"]] == ["web", ""]
    assert await shop.count("orders") == 1


async def test_a_quote_is_refused_as_the_order_would_be(shop: Shop) -> None:
    for item in (
        SERVER | {"plan": "nope"},
        SERVER | {"interval": "week"},
        SERVER | {"quantity": 11},
        SERVER | {"configuration": {"hostname": "-", "template": "x", "colour": "red"}},
        SERVER | {"hostname": "web"},
        {"plan": "hosting-start", "interval": "month", "configuration": {"domain": "example.com"}},
    ):
        quote, order = await quoted(shop, item), await shop.order(item)
        assert quote.status_code == order.status_code >= 400, quote.text
        for problem in (one := quote.json(), other := order.json()):
            problem.pop("request_id", None), problem.pop("instance", None)
        assert one == other


async def test_a_price_stripe_does_not_know_is_not_quoted(shop: Shop) -> None:
    async with shop.database.work() as work:
        await work.session.execute(text("UPDATE prices SET stripe_price_id = NULL"))
    assert (await quoted(shop, SERVER)).json()["type"].endswith("/plan-not-ready")


async def test_a_name_the_account_has_already_is_a_warning(shop: Shop) -> None:
    placed = await shop.placed({"plan": "vps-s", "interval": "month", "hostname": "web"})
    await shop.hear(shop.paid(placed))
    (warning,) = (await quoted(shop, SERVER, who=shop.ada)).json()["warnings"]
    assert warning == {
        "pointer": "/items/0/configuration/hostname",
        "detail": "You already have a server called web.",
    }
    assert (await quoted(shop, SERVER)).json()["warnings"] == [], "nobody learns what others have"
    assert (await quoted(shop, SERVER, who=shop.eve)).json()["warnings"] == []
    (twice,) = (await quoted(shop, SERVER, SERVER, who=shop.eve)).json()["warnings"]
    assert twice["pointer"] == "/items/1/configuration/hostname"
    assert (await shop.order(SERVER)).status_code == 201
    order = await shop.read(placed)
    path = f"/api/v1/staff/entitlements/{order['entitlements'][0]['id']}/end"
    await shop.post(path, {"reason": "not needed any more"}, shop.grace)
    assert (await quoted(shop, SERVER, who=shop.ada)).json()["warnings"] == []


async def test_a_server_nobody_could_enter_is_a_warning(shop: Shop) -> None:
    (warning,) = (await quoted(shop, {"plan": "vps-s", "interval": "month"})).json()["warnings"]
    assert warning["pointer"] == "/items/0/configuration/ssh_keys"


async def test_a_token_that_is_not_valid_is_no_caller(shop: Shop) -> None:
    body = {"currency": "EUR", "items": [SERVER]}
    answer = await shop.client.post("/api/v1/quotes", json=body, headers={"Authorization": "Bearer a.b.c"})
    assert answer.status_code == 401
