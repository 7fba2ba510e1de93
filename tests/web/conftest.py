"""A fresh world per test, the pages in process, and one Chromium for the session."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from html.parser import HTMLParser

import httpx
import pytest
from playwright.async_api import Browser

from tests.support.browser import chromium
from tests.web.fake_data import World
from tests.web.fake_staff_scenarios import build_world
from tests.web.preview import preview_app
from tests.web.serving import running_preview

ADDRESS = "http://shop.test"
Client = httpx.AsyncClient
SignIn = Callable[[str], Awaitable[Client]]


@pytest.fixture
def world() -> World:
    return build_world(checkout_origin="https://checkout.test")


@pytest.fixture
async def visit_as(world: World) -> AsyncIterator[SignIn]:
    """A browser-like client: nobody for an empty name, else signed in as that person of the preview."""
    app = preview_app(world, ADDRESS)
    clients: list[Client] = []

    async def open_client(who: str = "") -> Client:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = Client(transport=transport, base_url=ADDRESS)
        clients.append(client)
        if who:
            await client.get(f"/preview/be/{who}")
        return client

    yield open_client
    for client in clients:
        await client.aclose()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@pytest.fixture
def served() -> Iterator[tuple[World, str]]:
    """The pages on a real port, with deliveries that take about two seconds."""
    with running_preview(tick=0.3) as running:
        yield running


class _Forms(HTMLParser):
    """The fields of every form on a page, by the form's action."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self._current: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._current = self.forms.setdefault(given.get("action", ""), {})
        elif tag == "input" and self._current is not None and "name" in given:
            unchosen = given.get("type") in {"radio", "checkbox"} and "checked" not in given
            if not unchosen:
                self._current[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._current = None


def form_on(page: httpx.Response, action: str) -> dict[str, str]:
    """What the browser would send for the form with that action if nothing were typed."""
    parser = _Forms()
    parser.feed(page.text)
    assert action in parser.forms, f"no form for {action}, only {sorted(parser.forms)}"
    return dict(parser.forms[action])
