"""How pages read: few calls, published models, and what happens when an answer is not one of them."""

import re
from dataclasses import replace

import httpx
import pytest
from playwright.async_api import Browser, Request
from pydantic import BaseModel

from gateway.web.choices import Choices
from gateway.web.forms import Form
from gateway.web.pages.buying import mark
from gateway.web.upstream import Answer
from tests.web.conftest import SignIn, form_on
from tests.web.fake_data import World
from tests.web.fake_routing import ROUTES
from tests.web.pages_list import every_page, pages_of_everyone
from tests.web.test_buying import PRIVATE

_MOST_CALLS = 3


@pytest.mark.e2e
async def test_no_page_makes_more_than_three_calls_until_it_is_complete(
    browser: Browser, served: tuple[World, str]
) -> None:
    """The calls to services for the document and for every part that its scripts fetch without being asked to.

    Not counted: who the visitor is, which the gateway keeps for half a second and so asks once for a page and its
    parts; and news, for which a page that is complete looks again: when its timeline reports some, or after a while.
    """
    world, address = served
    context = await browser.new_context()
    await context.add_init_script("window.setTimeout = () => 0;")  # news is looked for after a pause, parts are not
    page = await context.new_page()
    parts: list[Request] = []
    page.on("request", lambda one: parts.append(one) if "x-fragment" in one.headers else None)
    too_many = {}
    signed_in: str | None = None
    for name, who, path, _ in pages_of_everyone(world):
        if who != signed_in:
            await page.goto(f"{address}/preview/be/{who}?to=/pricing")
            signed_in = who
        world.calls.clear()
        parts.clear()
        await page.goto(f"{address}{path}")
        # The scripts run before the page counts as loaded, so what they fetch by themselves is under way by now.
        for part in parts:
            await part.response()
        if len(world.calls) > _MOST_CALLS:
            too_many[name] = list(world.calls)
    assert too_many == {}
    await context.close()


async def test_ordering_makes_three_calls_when_the_price_of_just_that_was_shown(visit_as: SignIn, world: World) -> None:
    """Plan, order and checkout. The one exception: who changes something without scripts, and so never saw what it
    comes to, is quoted first, because only a quote knows what to think about before one orders."""
    client = await visit_as("neo")
    form = form_on(await client.get("/buy/vps-s"), "/buy/vps-s")
    edited = form | {"quantity": "2"}
    quoted = await client.post("/buy/vps-s/quote", data=edited, headers={"x-fragment": "1"})
    as_scripts_keep_it = edited | form_on_part(quoted)
    for sent, most in ((form, 3), (as_scripts_keep_it, 3), (edited | {"quantity": "3"}, 4)):
        world.calls.clear()
        answer = await client.post("/buy/vps-s", data=sent)
        assert answer.headers["location"].startswith("https://checkout.test/pay/")
        assert len(world.calls) == most, world.calls
    assert [order.items[0].quantity for order in world.orders[:3]] == [3, 2, 1]


async def test_a_private_key_is_not_sent_by_saying_that_its_price_was_shown(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    form = form_on(await client.get("/buy/vps-s"), "/buy/vps-s") | {"c_ssh_keys": PRIVATE}
    plan = next(one for one in world.plans if one.code == "vps-s")
    forged = mark(Choices.read(plan, Form(form.items()), form["currency"], form["interval"]).order())
    world.sent.clear()
    assert (await client.post("/buy/vps-s", data=form | {"priced": forged})).status_code == 422
    assert "PRIVATE" not in str(world.sent)


def form_on_part(part: httpx.Response) -> dict[str, str]:
    """The hidden fields of a part of a form."""
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', part.text))


async def test_no_document_makes_more_than_three_calls_for_anyone(visit_as: SignIn, world: World) -> None:
    clients = {who: await visit_as(who or "") for who in {shot[1] for shot in every_page(world)}}
    too_many = {}
    for name, who, path, _ in every_page(world):
        world.calls.clear()
        await clients[who].get(path)
        if len(world.calls) > _MOST_CALLS:
            too_many[name] = list(world.calls)
    assert too_many == {}


def test_every_fake_answer_is_a_published_read_model() -> None:
    published = ("shared.contracts.reads", "shared.web.dead_letters", "tests.web.fake_routing")
    for known in ROUTES:
        assert issubclass(known.model, BaseModel), known.pattern
        inner = known.model.__pydantic_generic_metadata__["args"] or (known.model,)
        for model in inner:
            assert model.__module__.startswith(published), known.pattern


@pytest.mark.parametrize(
    ("path", "panel"),
    [("/dashboard", "Your services"), ("/dashboard", "Your orders"), ("/dashboard", "Your next charges")],
)
async def test_a_silent_service_costs_its_own_panel(path: str, panel: str, visit_as: SignIn, world: World) -> None:
    service = {"Your services": "provisioning", "Your orders": "catalog", "Your next charges": "billing"}[panel]
    client = await visit_as("ada")
    world.away.add(service)
    page = await client.get(path)
    assert page.status_code == 200
    assert page.text.count("cannot be shown right now") == 1
    assert f"{panel} cannot be shown" in page.text


async def test_an_answer_nobody_understands_is_our_fault_and_breaks_no_panel(
    visit_as: SignIn, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await visit_as("ada")
    orders = next(known for known in ROUTES if known.pattern.pattern == "/api/v1/orders" and known.method == "GET")
    odd = replace(orders, handler=lambda _ask: Answer(200, {"data": [{"id": "ord_1"}]}))
    monkeypatch.setattr("tests.web.fake_upstream.ROUTES", [odd if one is orders else one for one in ROUTES])
    assert (await client.get("/orders")).status_code == 500
    dashboard = await client.get("/dashboard")
    assert dashboard.status_code == 200
    assert "Your orders cannot be shown" in dashboard.text
