"""Forged requests are refused on every unsafe route, whatever the page."""

import re

import httpx
import pytest

from gateway.web.csrf import SAFE_METHODS
from gateway.web.pages import ROUTES
from tests.web.conftest import ADDRESS, SignIn, form_on
from tests.web.fake_data import World

UNSAFE = [route for route in ROUTES if route.method not in SAFE_METHODS]


_PARAMETERS = {"plan_code": "vps-s", "verb": "pause", "action": "stop", "service": "catalog"}


def _address(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda name: _PARAMETERS.get(name[1], "id_1"), path)


def _unsafe_calls(world: World) -> list[tuple[str, str, str]]:
    # A quote is asked with a body and changes nothing: RFC 9110 calls that safe, whatever its method.
    return [call for call in world.calls if call[1] not in SAFE_METHODS and call[2] != "/api/v1/quotes"]


def test_there_are_unsafe_routes_to_protect() -> None:
    assert len(UNSAFE) >= 35


@pytest.mark.parametrize("route", UNSAFE, ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize("who", ["", "ada", "staff"])
async def test_a_post_without_a_token_reaches_no_service(
    route: object, who: str, visit_as: SignIn, world: World
) -> None:
    client = await visit_as(who)
    answer = await client.post(_address(route.path), data={"action": "stop"})  # type: ignore[attr-defined]
    assert answer.status_code == 403
    assert "Please send that again" in answer.text
    assert _unsafe_calls(world) == []


@pytest.mark.parametrize("route", UNSAFE, ids=lambda route: f"{route.method} {route.path}")
async def test_another_sessions_token_is_refused(route: object, visit_as: SignIn, world: World) -> None:
    stolen = form_on(await (await visit_as("neo")).get("/tickets/new"), "/tickets/new")["csrf_token"]
    client = await visit_as("staff")
    answer = await client.post(_address(route.path), data={"csrf_token": stolen})  # type: ignore[attr-defined]
    assert answer.status_code == 403
    assert _unsafe_calls(world) == []


async def _ticket(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    form = form_on(await client.get("/tickets/new"), "/tickets/new")
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/tickets/new", data={**form, "subject": "Help", "body": "Please."}, headers=sent)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": "https://shop.test.evil.test"},
        {"sec_fetch_site": "cross-site", "origin": ADDRESS},
    ],
)
async def test_a_foreign_page_is_refused_even_with_the_token(headers: dict[str, str], visit_as: SignIn) -> None:
    assert (await _ticket(await visit_as("ada"), **headers)).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"origin": ADDRESS}, {"sec_fetch_site": "same-origin", "origin": "null"}])
async def test_our_own_page_is_served(headers: dict[str, str], visit_as: SignIn) -> None:
    assert (await _ticket(await visit_as("ada"), **headers)).status_code == 303


async def test_a_token_from_before_signing_in_is_refused_after(visit_as: SignIn) -> None:
    client = await visit_as("")
    early = form_on(await client.get("/sign-in"), "/sign-in")["csrf_token"]
    await client.get("/preview/be/ada")
    answer = await client.post("/tickets/new", data={"csrf_token": early, "subject": "Help", "body": "Please."})
    assert answer.status_code == 403


async def test_a_visitor_who_is_not_signed_in_is_protected_too(visit_as: SignIn) -> None:
    token = form_on(await (await visit_as("")).get("/sign-in"), "/sign-in")["csrf_token"]
    victim = await visit_as("")
    await victim.get("/sign-in")
    answer = await victim.post(
        "/sign-in", data={"csrf_token": token, "email": "ada@example.com", "password": "correct horse battery"}
    )
    assert answer.status_code == 403
    assert "ez_session" not in victim.cookies


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 64, "====", "A" * 5000])
async def test_a_made_up_token_is_refused_politely(token: str, visit_as: SignIn) -> None:
    client = await visit_as("ada")
    answer = await client.post("/sign-out", data={"csrf_token": token})
    assert answer.status_code == 403


async def test_two_renderings_never_carry_the_same_token(visit_as: SignIn) -> None:
    client = await visit_as("ada")
    tokens = {form_on(await client.get("/tickets/new"), "/tickets/new")["csrf_token"] for _ in range(3)}
    assert len(tokens) == 3


@pytest.mark.parametrize("path", [route.path for route in UNSAFE])
async def test_unsafe_addresses_do_nothing_when_opened(path: str, visit_as: SignIn, world: World) -> None:
    await (await visit_as("staff")).get(_address(path))
    assert _unsafe_calls(world) == []
