"""Lists: filters, search and pages go together."""

import re
from html import unescape

import httpx
import pytest

from tests.web.conftest import SignIn
from tests.web.fake_data import World


def links(page: httpx.Response, name: str) -> dict[str, str]:
    """The links of one navigation, by their words."""
    part = re.search(rf'<nav class="[a-z]+" aria-label="{name}">(.*?)</nav>', page.text, re.S)
    assert part, name
    found = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', part[1], re.S)
    return {re.sub(r"<.*?>", "", words).strip(): unescape(address) for address, words in found}


async def test_a_tab_keeps_the_search_and_a_search_keeps_the_tab(visit_as: SignIn) -> None:
    client = await visit_as("staff")
    page = await client.get("/console/orders?status=paid&q=ada@example.com")
    assert links(page, "State")["Fulfilled"] == "/console/orders?status=fulfilled&q=ada%40example.com"
    assert links(page, "State")["All"] == "/console/orders?q=ada%40example.com"
    search = page.text.split('role="search"')[1].split("</form>")[0]
    assert '<input type="hidden" name="status" value="paid">' in search
    assert 'value="ada@example.com"' in search


@pytest.mark.parametrize("path", ["/console/services", "/console/provisioning", "/console/stripe-events"])
async def test_a_search_can_be_cleared(path: str, visit_as: SignIn) -> None:
    name = "type" if "stripe" in path else "q"
    page = (await (await visit_as("staff")).get(f"{path}?{name}=nothing-like-it")).text
    assert f'href="{path}">Clear</a>' in page


async def test_pages_lead_to_older_newer_and_newest_with_the_filters_kept(visit_as: SignIn) -> None:
    client = await visit_as("staff")
    first = await client.get("/console/orders?status=fulfilled")
    assert list(links(first, "Pages")) == ["Older"]
    second = await client.get(links(first, "Pages")["Older"])
    assert links(second, "Pages")["Newest"] == "/console/orders?status=fulfilled"
    assert links(second, "Pages")["Newer"] == "/console/orders?status=fulfilled&cursor=0"
    third = await client.get(links(second, "Pages")["Older"])
    assert list(links(third, "Pages")) == ["Newest", "Newer"]


async def test_lists_walk_to_older_rows_and_back(visit_as: SignIn, world: World) -> None:
    client = await visit_as("many")
    text, address = "", "/orders"
    while address:
        page = await client.get(address)
        text += page.text
        address = links(page, "Pages").get("Older", "")
    numbers = {order.number for order in world.orders if order.customer.account_id == "acc_many"}
    assert {number for number in numbers if f">{number}<" in text} == numbers


async def test_ones_own_services_are_narrowed_by_state_and_words(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    page = (await client.get("/services?state=stopped&q=WORKER")).text
    assert "worker-2.example.com" in page
    assert "worker-1.example.com" not in page
    assert "Nothing matches" in (await client.get("/services?q=nothing-like-it")).text
    for service in list(world.services)[:3] * 40:
        world.services.append(service.model_copy(update={"customer": world.customer("acc_ada")}))
    assert "newest hundred" in (await client.get("/services?state=running")).text
