"""How pages read: few calls, published models, and what happens when an answer is not one of them."""

from dataclasses import replace

import pytest
from pydantic import BaseModel

from gateway.web.upstream import Answer
from tests.web.conftest import SignIn
from tests.web.fake_data import World
from tests.web.fake_routing import ROUTES
from tests.web.pages_list import every_page

_MOST_CALLS = 3


async def test_no_page_makes_more_than_three_calls(visit_as: SignIn, world: World) -> None:
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
    bare = {"CheckoutView", "JobAccepted", "NewSession"}  # of single routes, in no list and on no page
    for known in ROUTES:
        assert issubclass(known.model, BaseModel), known.pattern
        inner = known.model.__pydantic_generic_metadata__["args"] or (known.model,)
        for model in inner:
            assert model.__module__.startswith(published) or model.__name__ in bare, known.pattern


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
