"""Placing an order: the catalogue says what it costs, and what was agreed does not move."""

import pytest
from sqlalchemy import text

from services.catalog.use_cases import place_order
from shared.contracts.catalog import OrderCanceled
from tests.api.catalog.conftest import SERVER, Json, Shop
from tests.support.callers import customer

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDq3Kn0k7vB4wYv6cWQ2v0X0Jq2c6mS2zZr0oQ3V8m1Q ada@laptop"
PRIVATE_SSH_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----"


async def test_an_order_is_priced_from_the_catalogue(shop: Shop) -> None:
    placed = await shop.placed(
        {
            "plan": "vps-xl",
            "interval": "month",
            "quantity": 2,
            "configuration": {"hostname": "Build.Example.com", "template": "debian-12"},
        },
        {"plan": "vps-s", "interval": "month"},
    )
    assert placed["status"] == "awaiting_payment"
    assert placed["expires_at"] == "2026-02-01T12:00:00.000Z"
    first, second = placed["items"]
    assert first["plan"] == {"code": "vps-xl", "name": "VPS XL"}
    assert (first["name"], first["quantity"]) == ("build.example.com", 2)
    assert first["configuration"] == {"hostname": "build.example.com", "template": "debian-12"}
    assert [(line["label"], line["value"]) for line in first["configured"]] == [
        ("Host name", "build.example.com"),
        ("Operating system", "Debian 12"),
    ]
    assert first["unit"] == {"amount_minor": 4800, "currency": "EUR"}
    assert first["setup_fee"] == {"amount_minor": 1000, "currency": "EUR"}
    assert first["total"] == {"amount_minor": 11600, "currency": "EUR"}
    assert second["total"] == {"amount_minor": 500, "currency": "EUR"}
    assert second["name"].startswith("vps-")
    assert second["configuration"] == {"hostname": second["name"], "template": "debian-13"}
    assert placed["total"] == {"amount_minor": 12100, "currency": "EUR"}
    assert placed["entitlements"] == []
    assert placed["renewals"] == [
        {"interval": "month", "total": {"amount_minor": 10100, "currency": "EUR"}, "next_at": None}
    ]
    read = (await shop.get(f"/api/v1/orders/{placed['id']}")).json()
    assert [entry["title"] for entry in read.pop("timeline")] == ["Order placed", "Waiting for your payment"]
    assert read == placed


async def test_a_number_that_is_taken_is_drawn_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["EZ-AAAAAAA", "EZ-AAAAAAA", "EZ-BBBBBBB"])
    monkeypatch.setattr(place_order, "draw_number", lambda: next(drawn))
    assert [(await shop.placed())["number"] for _ in range(2)] == ["EZ-AAAAAAA", "EZ-BBBBBBB"]


async def test_a_server_is_configured_at_the_top_of_the_item_as_before(shop: Shop) -> None:
    placed = await shop.placed(SERVER | {"hostname": "Web", "template": "debian-12"})
    assert placed["items"][0]["configuration"] == {"hostname": "web", "template": "debian-12"}
    twice = await shop.order(SERVER | {"hostname": "web", "configuration": {"hostname": "web"}})
    assert twice.status_code == 422


async def test_what_was_chosen_for_a_server_is_kept_on_its_order(shop: Shop) -> None:
    configuration = {"hostname": "web", "ssh_keys": [f"  {SSH_KEY}\r\n", SSH_KEY], "root_password": True}
    placed = await shop.placed(SERVER | {"configuration": configuration})
    kept = placed["items"][0]["configuration"]
    assert (kept["ssh_keys"], kept["root_password"]) == ([SSH_KEY], True)
    words = {line["key"]: line["value"] for line in placed["items"][0]["configured"]}
    assert words["root_password"] == "Yes"
    assert words["ssh_keys"].startswith("ada@laptop (SHA256:")


@pytest.mark.parametrize(
    ("configuration", "pointer", "words"),
    [
        ({"ssh_keys": [PRIVATE_SSH_KEY]}, "ssh_keys", "private key"),
        ({"ssh_keys": ["ssh-rsa AAAA"]}, "ssh_keys", "key"),
        ({"ssh_keys": SSH_KEY}, "ssh_keys", "list"),
        ({"ssh_keys": [SSH_KEY] * 21}, "ssh_keys", "At most 20"),
        ({"root_password": "hunter2"}, "root_password", "true or false"),
        ({"region": "moon"}, "region", "nothing like this"),
        ({"spec": {"cores": 64}}, "spec", "nothing like this"),
        ({"template": ["debian-13"]}, "template", "Offered: debian-13"),
        ({"hostname": 7}, "hostname", "text"),
    ],
)
async def test_a_wrong_configuration_is_refused_in_words_that_teach(
    shop: Shop, configuration: Json, pointer: str, words: str
) -> None:
    response = await shop.order(SERVER, SERVER | {"configuration": configuration})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["pointer"] == f"/items/1/configuration/{pointer}"
    assert words in error["detail"]
    assert await shop.count("orders") == 0


async def test_what_was_ordered_keeps_its_price_when_the_catalogue_changes(shop: Shop) -> None:
    placed = await shop.placed()
    plan = (await shop.client.get("/api/v1/plans/vps-m")).json()
    price = {"currency": "EUR", "interval": "month", "amount_minor": 9900}
    assert (await shop.post(f"/api/v1/staff/plans/{plan['id']}/prices", price, shop.grace)).status_code == 200
    await shop.post(f"/api/v1/staff/plans/{plan['id']}/retire", who=shop.grace)
    again = (await shop.get(f"/api/v1/orders/{placed['id']}")).json()
    assert again["total"] == placed["total"] == {"amount_minor": 1200, "currency": "EUR"}
    assert (await shop.post(f"/api/v1/orders/{placed['id']}/checkout")).status_code == 200
    (asked,) = shop.billing.asked
    assert asked["total_minor"] == 1200
    assert asked["lines"][0]["unit_amount_minor"] == 1200
    before = {one["id"]: one["amount_minor"] for one in plan["prices"]}
    assert before[asked["lines"][0]["price_id"]] == 1200


async def test_every_wrong_field_is_named_at_once(shop: Shop) -> None:
    response = await shop.order(
        SERVER, {"plan": "nope", "interval": "month"}, SERVER | {"hostname": "_", "template": "x"}
    )
    assert [error["pointer"] for error in response.json()["errors"]] == [
        "/items/1/plan",
        "/items/2/hostname",
        "/items/2/template",
    ]


async def test_an_announced_plan_cannot_be_ordered_yet(shop: Shop) -> None:
    response = await shop.order({"plan": "hosting-start", "interval": "month"})
    assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (409, "plan-not-open")
    assert await shop.count("orders") == 0


async def test_items_of_one_order_may_renew_at_different_intervals(shop: Shop) -> None:
    placed = await shop.placed(SERVER, {"plan": "vps-s", "interval": "year"}, SERVER)
    assert placed["total"]["amount_minor"] == 7400
    renewals = [(one["interval"], one["total"]["amount_minor"]) for one in placed["renewals"]]
    assert renewals == [("month", 2400), ("year", 5000)]


async def test_an_interval_nobody_knows_is_refused_and_never_billed_monthly(shop: Shop) -> None:
    async with shop.database.work() as work:
        await work.session.execute(text("UPDATE prices SET interval = 'fortnight' WHERE interval = 'year'"))
    for interval in ("fortnight", "year", "week", "quarter"):
        response = await shop.order(SERVER | {"interval": interval})
        assert response.status_code == 422, interval
        assert [error["pointer"] for error in response.json()["errors"]] == ["/items/0/interval"]


async def test_an_order_for_more_units_than_one_can_hold_is_refused(shop: Shop) -> None:
    assert (await shop.order(*[{"plan": "vps-s", "interval": "month", "quantity": 10}] * 10)).status_code == 201
    response = await shop.order(*[{"plan": "vps-s", "interval": "month", "quantity": 10}] * 11)
    assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (422, "order-too-large")


async def test_an_order_larger_than_one_payment_is_refused(shop: Shop) -> None:
    async with shop.database.work() as work:
        await work.session.execute(text("UPDATE prices SET amount_minor = 10000000"))
    assert (await shop.order(SERVER | {"quantity": 9})).status_code == 201
    response = await shop.order(SERVER | {"quantity": 10})
    assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (422, "order-too-large")


async def test_a_viewer_of_the_account_cannot_order(shop: Shop) -> None:
    response = await shop.order(who=customer(shop.ada.account_id, role="read_only"))
    assert response.status_code == 403


async def test_an_order_can_be_given_up_until_it_is_paid(shop: Shop) -> None:
    placed = await shop.placed()
    for _ in range(2):
        response = await shop.post(f"/api/v1/orders/{placed['id']}/cancel")
        assert (response.status_code, response.json()["status"]) == (200, "canceled")
    (fact,) = await shop.published(OrderCanceled)
    assert (fact.order_id, fact.account_id) == (placed["id"], shop.ada.account_id)
    assert await shop.titles(placed) == ["Order placed", "Order canceled"]
    paid = await shop.placed()
    await shop.hear(shop.paid(paid))
    refused = await shop.post(f"/api/v1/orders/{paid['id']}/cancel")
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (409, "order-not-cancelable")


async def test_orders_are_listed_newest_first_in_pages_that_turn_both_ways(shop: Shop) -> None:
    ids = [(await shop.placed())["id"] for _ in range(5)][::-1]

    async def page(cursor: str | None) -> Json:
        turned = f"&cursor={cursor}" if cursor is not None else ""
        found: Json = (await shop.get(f"/api/v1/orders?limit=2{turned}")).json()
        return found | {"ids": [order["id"] for order in found["data"]]}

    first = await page(None)
    second = await page(first["next_cursor"])
    third = await page(second["next_cursor"])
    assert [first["ids"], second["ids"], third["ids"]] == [ids[:2], ids[2:4], ids[4:]]
    assert (first["previous_cursor"], third["next_cursor"]) == (None, None)
    again = await page(third["previous_cursor"])
    assert (again["ids"], again["next_cursor"]) == (ids[2:4], second["next_cursor"])
    front = await page(again["previous_cursor"])
    assert (front["ids"], front["previous_cursor"], front["next_cursor"]) == (ids[:2], None, first["next_cursor"])


async def test_a_made_up_cursor_is_refused(shop: Shop) -> None:
    for query in ("cursor=%00", "cursor=abc", "cursor=cGxuXzAx", "cursor=ÿ"):
        assert (await shop.get(f"/api/v1/orders?{query}")).status_code == 400, query
        assert (await shop.get(f"/api/v1/staff/orders?{query}", shop.grace)).status_code == 400, query


async def test_a_page_outside_the_limits_is_refused(shop: Shop) -> None:
    for query in ("limit=0", "limit=101", "limit=x", f"cursor={'a' * 200}"):
        assert (await shop.get(f"/api/v1/orders?{query}")).status_code == 422, query
