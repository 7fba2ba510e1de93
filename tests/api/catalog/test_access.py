"""Nobody sees or touches what is another account's, and only staff act as staff."""

import itertools

from shared.kernel import new_id
from shared.web.pagination import encode_cursor
from tests.api.catalog.conftest import Shop
from tests.support.callers import bearer, service_bearer

CUSTOMER_ROUTES = [
    ("GET", ""),
    ("GET", "/timeline"),
    ("GET", "/stream"),
    ("POST", "/checkout"),
    ("POST", "/cancel"),
]
STAFF_ROUTES = [
    ("GET", "/api/v1/staff/orders", None),
    ("GET", "/api/v1/staff/orders/{order}", None),
    ("GET", "/api/v1/staff/orders/{order}/timeline", None),
    ("POST", "/api/v1/staff/orders/{order}/accept-payment", {"reason": "because"}),
    ("GET", "/api/v1/staff/plans", None),
    ("POST", "/api/v1/staff/plans/{plan}/publish", None),
    ("POST", "/api/v1/staff/plans/{plan}/prices", {"currency": "EUR", "interval": "month", "amount_minor": 1}),
    ("POST", "/api/v1/staff/plans/{plan}/retire", None),
    ("GET", "/api/v1/staff/overview/catalog", None),
    *(
        ("POST", f"/api/v1/staff/entitlements/{new_id('ent')}/{verb}", {"reason": "because"})
        for verb in ("suspend", "resume", "end", "restore")
    ),
    ("POST", f"/api/v1/staff/entitlements/{new_id('ent')}/change", {"reason": "because", "plan": "vps-l"}),
    ("GET", "/api/v1/staff/dead-letters/catalog", None),
]


async def test_another_account_s_order_does_not_exist(shop: Shop) -> None:
    placed = await shop.placed()
    strange = (placed["id"], new_id("ord"), new_id("acc"), "ord_x", "1", "ord_%00", "x" * 500)
    for (method, route), order_id in itertools.product(CUSTOMER_ROUTES, strange):
        response = await shop.client.request(method, f"/api/v1/orders/{order_id}{route}", headers=bearer(shop.eve))
        assert response.status_code == 404, (method, route, order_id, response.text)
        assert response.json()["type"] == "https://ez.solutions/problems/not-found"
    assert (await shop.read(placed))["status"] == "awaiting_payment"
    assert shop.billing.asked == []


async def test_a_list_holds_only_the_account_s_own_orders(shop: Shop) -> None:
    theirs = await shop.placed(who=shop.eve)
    ours = await shop.placed()
    listed = (await shop.get("/api/v1/orders")).json()["data"]
    assert [order["id"] for order in listed] == [ours["id"]]
    page = await shop.get(f"/api/v1/orders?cursor={encode_cursor(theirs['id'])}")
    assert page.json()["data"] == []


async def test_orders_need_a_person_with_an_account(shop: Shop) -> None:
    placed = await shop.placed()
    routes = [("GET", ""), ("POST", ""), *((method, f"/{placed['id']}{route}") for method, route in CUSTOMER_ROUTES)]
    callers: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        ({"Authorization": "Bearer a.b.c"}, 401),
        (bearer(shop.grace), 403),
        (service_bearer("gateway", "catalog"), 403),
    ]
    for (method, route), (headers, expected) in itertools.product(routes, callers):
        response = await shop.client.request(method, f"/api/v1/orders{route}", headers=headers)
        assert response.status_code == expected, (method, route, response.text)


async def test_customers_and_machines_are_no_staff(shop: Shop) -> None:
    placed = await shop.placed()
    plan = (await shop.client.get("/api/v1/plans/vps-m")).json()
    callers: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        (bearer(shop.ada), 403),
        (service_bearer("gateway", "catalog"), 403),
        (service_bearer("gateway", "billing"), 401),
    ]
    for (method, route, body), (headers, expected) in itertools.product(STAFF_ROUTES, callers):
        path = route.format(order=placed["id"], plan=plan["id"])
        response = await shop.client.request(method, path, headers=headers, json=body)
        assert response.status_code == expected, (method, path, response.text)
    assert (await shop.client.get("/api/v1/plans/vps-m")).json() == plan


async def test_unknown_things_are_not_found_by_staff(shop: Shop) -> None:
    for path in (f"orders/{new_id('ord')}", "orders/x", f"orders/{new_id('ord')}/timeline"):
        assert (await shop.get(f"/api/v1/staff/{path}", shop.grace)).status_code == 404
    assert (await shop.post(f"/api/v1/staff/plans/{new_id('pln')}/publish", who=shop.grace)).status_code == 404
