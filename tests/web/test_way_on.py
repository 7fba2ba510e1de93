"""The page that somebody was on their way to goes with them, whichever way in they take."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.web.conftest import Client, SignIn, form_on
from tests.web.fake_data import ED25519, World
from tests.web.test_buying import PRIVATE

CHOSEN = "/buy/vps-s?interval=year&quantity=4&c_hostname=mine.example.com"
NEXT = "?next=/buy/vps-s%3Finterval%3Dyear%26quantity%3D4%26c_hostname%3Dmine.example.com"
WAYS_IN = ["/sign-in", "/sign-up"]


def links_to(page: httpx.Response, path: str) -> set[str | None]:
    """Where the links to `path` on this page say that one goes on to."""
    found = [urlsplit(unescape(href)) for href in re.findall(r'href="([^"]*)"', page.text)]
    return {parse_qs(one.query).get("next", [None])[0] for one in found if one.path == path}


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize(
    "path",
    [
        f"/sign-in{NEXT}", f"/sign-up{NEXT}", f"/check-your-mail{NEXT}&email=eve@example.com",
        f"/verify{NEXT}&token=abc", f"/verify{NEXT}", f"/verify/resend{NEXT}", f"/forgot-password{NEXT}",
        f"/reset-password{NEXT}&token=abc", f"/reset-password{NEXT}",
    ],
)  # fmt: skip
async def test_every_way_in_on_the_way_leads_on(path: str, way: str, visit_as: SignIn) -> None:
    assert links_to(await (await visit_as("")).get(path), way) == {CHOSEN}


@pytest.mark.parametrize("way", WAYS_IN)
async def test_a_page_that_leads_nowhere_else_has_plain_ways_in(way: str, visit_as: SignIn) -> None:
    client = await visit_as("")
    for path in ("/", "/sign-in", "/sign-in?next=//evil.test", "/check-your-mail?next=https://evil.test"):
        assert links_to(await client.get(path), way) == {None}, path


@pytest.mark.parametrize("way", WAYS_IN)
async def test_what_is_chosen_on_the_page_goes_with_whoever_signs_in_by_the_header(way: str, visit_as: SignIn) -> None:
    client = await visit_as("")
    page = await client.get(CHOSEN)
    refused = await client.post("/buy/vps-s", data=form_on(page, "/buy/vps-s") | {"c_hostname": "not a name"})
    typed = form_on(page, "/buy/vps-s") | {"quantity": "7", "c_ssh_keys": ED25519}
    priced = await client.post("/buy/vps-s/quote", data=typed, headers={"x-fragment": "1"})
    for answer, chosen in ((page, "mine.example.com"), (refused, "not a name"), (priced, "mine.example.com")):
        goes_on = next(iter(links_to(answer, way)))
        assert goes_on
        assert urlsplit(goes_on).path == "/buy/vps-s"
        fields = parse_qs(urlsplit(goes_on).query)
        assert (fields["interval"], fields["c_hostname"]) == (["year"], [chosen])
        assert fields["quantity"] == ["7" if answer is priced else "4"]


async def test_a_private_key_is_in_no_link(visit_as: SignIn) -> None:
    client = await visit_as("")
    form = form_on(await client.get(CHOSEN), "/buy/vps-s") | {"c_ssh_keys": PRIVATE}
    for headers in ({}, {"x-fragment": "1"}):
        answer = await client.post("/buy/vps-s/quote", data=form, headers=headers)
        assert links_to(answer, "/sign-up")
        assert "b3BlbnNzaC1rZXktdjEA" not in answer.text


async def _follow(client: Client, page: httpx.Response, path: str) -> httpx.Response:
    href = next(unescape(one) for one in re.findall(r'href="([^"]*)"', page.text) if one.startswith(path))
    return await client.get(href)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same browser", "another browser"])
async def test_a_forgotten_password_keeps_what_was_chosen(elsewhere: bool, visit_as: SignIn, world: World) -> None:
    client = await visit_as("")
    page = await _follow(client, await client.get(f"/sign-in{NEXT}"), "/forgot-password")
    form = form_on(page, "/forgot-password") | {"email": "neo@example.com"}
    waiting = await client.get((await client.post("/forgot-password", data=form)).headers["location"])
    assert links_to(waiting, "/forgot-password") == {CHOSEN}
    if elsewhere:
        client = await visit_as("")
    page = await client.get(world.links["neo@example.com"])
    refused = await client.post("/reset-password", data=form_on(page, "/reset-password") | {"password": "short"})
    form = form_on(refused, "/reset-password") | {"password": "long enough password"}
    answer = await client.post("/reset-password", data=form)
    assert answer.headers["location"] == f"/sign-in{NEXT}"
    form = form_on(await client.get(answer.headers["location"]), "/sign-in")
    answer = await client.post("/sign-in", data=form | {"email": "neo@example.com", "password": "long enough password"})
    assert answer.headers["location"] == CHOSEN


async def test_a_reset_link_that_is_over_leads_to_a_new_one_with_what_was_chosen(visit_as: SignIn) -> None:
    page = await (await visit_as("")).get(f"/reset-password{NEXT}")
    assert links_to(page, "/forgot-password") == {CHOSEN}


@pytest.mark.parametrize("raw", ["//evil.test", "https://evil.test", "/\\evil.test", "/%2f%2fevil.test"])
async def test_a_reset_leads_only_to_a_page_of_ours(raw: str, visit_as: SignIn, world: World) -> None:
    client = await visit_as("")
    form = form_on(await client.get("/forgot-password"), "/forgot-password")
    await client.post("/forgot-password", data=form | {"email": "neo@example.com", "next": raw})
    assert "next" not in world.links["neo@example.com"]
    page = await client.get("/reset-password", params={"token": "reset-token", "next": raw})
    form = form_on(page, "/reset-password") | {"password": "long enough password", "next": raw}
    assert (await client.post("/reset-password", data=form)).headers["location"] == "/sign-in"
