"""What a role may not do is not offered, and is refused when tried."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from gateway.web.pages import ROUTES
from gateway.web.pages.route import PUBLIC, STAFF, PageRoute
from tests.web.conftest import SignIn
from tests.web.fake_data import World
from tests.web.pages_list import every_page


class _Offers(HTMLParser):
    """Every address a page offers: (method, path)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith("/"):
            self.found.add(("GET", urlsplit(given["href"]).path))
        if tag == "form" and given.get("action"):
            self.found.add((given.get("method", "get").upper(), given["action"]))


def _route(method: str, path: str) -> PageRoute | None:
    # Fixed addresses are listed before those with parameters, as Starlette matches them.
    for route in ROUTES:
        pattern = re.sub(r"\{\w+\}", "[^/]+", route.path)
        if route.method == method and re.fullmatch(pattern, path):
            return route
    return None


@pytest.mark.parametrize("who", ["rita", "tom", "ada", "staff", "sue", "fin", "ops"])
async def test_a_page_offers_only_what_its_reader_may_do(who: str, visit_as: SignIn, world: World) -> None:
    client = await visit_as(who)
    user = world.users[f"{who}@example.com"]
    wrong: dict[str, list[tuple[str, str]]] = {}
    for name, owner, path, status in every_page(world):
        if owner != who or status != 200:
            continue
        parser = _Offers()
        parser.feed((await client.get(path)).text)
        for offer in parser.found:
            route = _route(*offer)
            if route is None or route.needs == PUBLIC:
                continue
            may = bool(user["staff_roles"]) if route.needs == STAFF else route.needs in user["permissions"]
            if not may:
                wrong.setdefault(name, []).append(offer)
    assert wrong == {}


# A form is refused for its missing token before; test_csrf walks those.
_LOOKED_AT = [
    route for route in ROUTES if route.needs != PUBLIC and route.method == "GET" and "/live" not in route.path
]


@pytest.mark.parametrize("route", _LOOKED_AT, ids=lambda route: route.path)
async def test_a_page_that_is_not_offered_is_refused_too(route: PageRoute, visit_as: SignIn, world: World) -> None:
    client = await visit_as("rita")
    world.calls.clear()
    answer = await client.get(re.sub(r"\{\w+\}", "id_1", route.path))
    allowed = route.needs in world.users["rita@example.com"]["permissions"]
    assert (answer.status_code == 403) == (not allowed)
    assert allowed or world.calls == []


async def test_who_may_not_order_is_told_so_and_refused(visit_as: SignIn, world: World) -> None:
    client = await visit_as("rita")
    page = await client.get("/buy/vps-s")
    assert "may look, but not order" in page.text
    assert "Order and pay" not in page.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    answer = await client.post("/buy/vps-s", data={"csrf_token": token[1], "c_system": "debian-12"})
    assert answer.status_code == 403
    assert not [call for call in world.calls if call[2] == "/api/v1/orders"]


async def test_a_technician_runs_servers_and_cannot_pay(visit_as: SignIn, world: World) -> None:
    client = await visit_as("tom")
    service = (await client.get(f"/services/{world.named['service_active']}")).text
    assert "Reboot" in service
    assert "Continue to payment" not in (await client.get(f"/orders/{world.named['order_declined']}")).text


async def test_finance_decides_on_money_and_support_does_not(visit_as: SignIn, world: World) -> None:
    page = f"/console/orders/{world.named['order_under_review']}"
    assert "Accept the payment" in (await (await visit_as("fin")).get(page)).text
    assert "Accept the payment" not in (await (await visit_as("sue")).get(page)).text
