"""Pages in process: what goes wrong is said where it helps, and nothing is trusted."""

import re
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from shared.contracts.reads.billing import InvoiceView
from tests.web.conftest import SignIn, form_on
from tests.web.fake_data import PASSWORD, World
from tests.web.pages_list import every_page, pages_of_everyone


async def test_every_page_answers_as_listed(visit_as: SignIn, world: World) -> None:
    clients = {who: await visit_as(who or "") for who in {shot[1] for shot in every_page(world)}}
    for name, who, path, status in every_page(world):
        answer = await clients[who].get(path)
        assert answer.status_code == status, (name, path, answer.text[:400])


async def test_identity_is_told_which_browser_signs_in_and_from_where(visit_as: SignIn, world: World) -> None:
    client = await visit_as("")
    client.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    form = form_on(await client.get("/sign-in"), "/sign-in")
    await client.post("/sign-in", data=form | {"email": "neo@example.com", "password": PASSWORD})
    account = (await client.get("/account")).text
    assert "Firefox on Linux" in account
    assert "127.0.0.1" in account


@pytest.mark.parametrize("service", ["catalog", "provisioning", "billing", "support", "identity"])
async def test_no_page_breaks_when_one_service_is_away(service: str, visit_as: SignIn, world: World) -> None:
    clients = {who: await visit_as(who or "") for who in {shot[1] for shot in pages_of_everyone(world)}}
    world.away.add(service)
    for name, who, path, expected in pages_of_everyone(world):
        answer = await clients[who].get(path)
        assert answer.status_code in {expected, 503}, (name, answer.status_code)
        if answer.status_code == 503:
            assert "Back in a moment" in answer.text
            assert answer.headers["x-request-id"] in answer.text
            assert answer.headers["retry-after"] == "30"


async def test_an_order_is_readable_while_provisioning_is_away(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    world.away.add("provisioning")
    page = await client.get(f"/orders/{world.named['order_fulfilled']}")
    assert page.status_code == 200
    assert "Part of the story is missing right now" in page.text
    assert "Fulfilled exactly once" not in page.text


async def test_the_home_page_and_prices_are_open_while_identity_is_away(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    world.away.add("identity")
    assert (await client.get("/")).status_code == 200
    assert (await client.get("/pricing")).status_code == 200
    assert (await client.get("/dashboard")).status_code == 503


async def test_too_many_attempts_says_when_to_try_again(visit_as: SignIn) -> None:
    client = await visit_as("")
    form = form_on(await client.get("/sign-in"), "/sign-in")
    answer = await client.post("/sign-in", data=form | {"email": "hammer@example.com", "password": "x"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "240")
    assert "try again in 4 minutes" in answer.text


async def test_a_password_is_never_sent_back(visit_as: SignIn) -> None:
    client = await visit_as("")
    for path in ("/sign-in", "/sign-up"):
        form = form_on(await client.get(path), path)
        answer = await client.post(path, data=form | {"email": "nobody", "name": "N", "password": "s3cret-typed"})
        assert answer.status_code in {401, 422}
        assert "s3cret-typed" not in answer.text
        assert 'value="nobody"' in answer.text


@pytest.mark.parametrize("path", ["/orders/{id}", "/services/{id}", "/invoices/{id}", "/tickets/{id}"])
@pytest.mark.parametrize("value", ["ord_unknown", "...", "%2e%2e", "a%2fb", "%00", "a b", "x" * 200, "%3fx=1"])
async def test_a_strange_id_is_not_found(path: str, value: str, visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    world.calls.clear()
    answer = await client.get(path.replace("{id}", value))
    assert answer.status_code == 404
    assert all(re.fullmatch(r"/api/v1/[a-z]+/[\w-]+|/api/v1/services", call[2]) for call in world.calls)


async def test_another_accounts_order_is_not_found(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    assert (await client.get(f"/orders/{world.named['order_fulfilled']}")).status_code == 404


XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"{{ 7*7 }}"


def infect(value: Any) -> None:
    """Puts the script into every text that a person or another system wrote."""
    if isinstance(value, list):
        for one in value:
            infect(one)
    if not isinstance(value, BaseModel):
        return
    for name in type(value).model_fields:
        found = getattr(value, name)
        if isinstance(found, str) and name in WRITTEN_BY_OTHERS:
            setattr(value, name, XSS)
        infect(found)


WRITTEN_BY_OTHERS = {
    "name", "subject", "last_error", "message", "tagline", "body", "title", "detail", "label", "value", "address",
    "email", "reason", "command", "note", "outcome", "endpoint", "help", "placeholder", "unit", "number",
}  # fmt: skip


async def test_what_people_write_is_shown_and_never_run(visit_as: SignIn, world: World) -> None:
    everything: tuple[list[Any], ...] = (
        world.orders, world.services, world.tickets, world.jobs, world.stripe_events, world.plans, world.providers,
        world.ledger, world.notifications, *world.letters.values(), *world.keys.values(),
    )  # fmt: skip
    for rows in everything:
        infect(rows)
    world.users["ada@example.com"]["name"] = world.users["ada@example.com"]["account_name"] = XSS
    clients = {who: await visit_as(who or "") for who in {shot[1] for shot in pages_of_everyone(world)}}
    for name, who, path, _ in pages_of_everyone(world):
        text = (await clients[who].get(path)).text
        assert "<script>alert" not in text, name
        assert "<img" not in text, name
    reflected = (await clients[None].get("/check-your-mail", params={"email": XSS})).text
    assert "<script>alert" not in reflected
    assert "49" not in reflected.split("</head>")[1]


async def test_an_invoice_link_cannot_be_a_script(visit_as: SignIn, world: World) -> None:
    found = world.invoices[-1].view
    assert isinstance(found, InvoiceView)
    found.hosted_invoice_url = "javascript:alert(1)"
    client = await visit_as("ada")
    page = await client.get(f"/invoices/{found.id}")
    assert page.status_code == 200
    assert "javascript:" not in page.text


async def test_pages_of_a_signed_in_person_are_not_kept_by_caches(visit_as: SignIn) -> None:
    assert (await (await visit_as("ada")).get("/dashboard")).headers["cache-control"] == "no-store"
    assert (await (await visit_as("")).get("/")).headers["cache-control"] == "private, no-cache"


async def test_a_dead_session_leads_to_sign_in(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    world.sessions.clear()
    answer = await client.get("/orders?cursor=5")
    assert answer.headers["location"] == "/sign-in?next=/orders%3Fcursor%3D5"
    fragment = await client.get(f"/orders/{world.named['order_fulfilled']}/live", headers={"x-fragment": "1"})
    assert fragment.status_code == 401


async def test_signing_out_ends_the_session_even_when_identity_is_slow_to_answer(
    visit_as: SignIn, world: World
) -> None:
    client = await visit_as("ada")
    form = form_on(await client.get("/dashboard"), "/sign-out")
    answer = await client.post("/sign-out", data=form)
    assert answer.headers["location"] == "/"
    assert not [session for session in world.sessions.values() if session["email"] == "ada@example.com"]
    assert "ez_session" not in client.cookies


async def test_a_notice_is_shown_once(visit_as: SignIn) -> None:
    client = await visit_as("")
    page = await client.get("/orders", follow_redirects=True)
    assert "Please sign in to continue" in page.text
    assert "Please sign in to continue" not in (await client.get("/sign-in")).text


@pytest.mark.parametrize("theme", ["dark", "light", '"><script>', ""])
async def test_only_a_known_theme_is_rendered(theme: str, visit_as: SignIn) -> None:
    client = await visit_as("")
    page = (await client.get("/", headers={"cookie": f"ez_theme={theme}"})).text
    assert (f'<html lang="en" data-theme="{theme}">' in page) == (theme in {"dark", "light"})
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"a" * (300 * 1024), "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"email=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"\xff=1", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(300)), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_a_body_we_cannot_read_is_refused(body: bytes, media_type: str, status: int, visit_as: SignIn) -> None:
    client = await visit_as("ada")
    answer = await client.post("/tickets/new", content=body, headers={"content-type": media_type})
    assert answer.status_code == status


async def test_assets_are_compressed_and_kept_for_a_year(visit_as: SignIn) -> None:
    client = await visit_as("")
    found = re.search(r'href="(/static/app-[0-9a-f]{12}\.css)"', (await client.get("/")).text)
    assert found
    for encoding in ("br", "gzip", "identity"):
        answer = await _raw(client, found[1], encoding)
        assert answer.headers.get("content-encoding", "identity") == encoding
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"


async def _raw(client: httpx.AsyncClient, path: str, encoding: str) -> httpx.Response:
    async with client.stream("GET", path, headers={"accept-encoding": encoding}) as answer:
        return answer
