"""Pages in process: what goes wrong is said where it helps, and nothing is trusted."""

import asyncio
import re

import httpx
import pytest

from tests.web.conftest import SignIn, form_on
from tests.web.fake_data import PASSWORD, World
from tests.web.pages_list import every_page


async def test_every_page_answers_as_listed(visit_as: SignIn, world: World) -> None:
    clients = {who: await visit_as(who or "") for who in {shot[1] for shot in every_page(world)}}
    for name, who, path, status in every_page(world):
        answer = await clients[who].get(path)
        assert answer.status_code == status, (name, path, answer.text[:400])


async def test_a_problem_is_shown_beside_its_field_and_the_input_is_kept(visit_as: SignIn) -> None:
    client = await visit_as("ada")
    form = form_on(await client.get("/buy/vps-s"), "/buy/vps-s")
    answer = await client.post("/buy/vps-s", data=form | {"hostname": "not a name", "quantity": "3"})
    assert answer.status_code == 422
    assert re.search(r'id="hostname-error".*?like web-1\.example\.com', answer.text, re.S)
    assert 'value="not a name"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert '<option value="3" selected>' in answer.text


@pytest.mark.parametrize("quantity", ["0", "11", "-1", "x", "1e3", "٣"])
async def test_a_strange_quantity_is_the_catalogues_to_refuse(quantity: str, visit_as: SignIn) -> None:
    client = await visit_as("ada")
    form = form_on(await client.get("/buy/vps-s"), "/buy/vps-s")
    answer = await client.post("/buy/vps-s", data=form | {"hostname": "a.example.com", "quantity": quantity})
    assert answer.status_code == 422
    assert 'id="quantity-error"' in answer.text


async def test_eight_clicks_are_one_order(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    form = form_on(await client.get("/buy/vps-s"), "/buy/vps-s") | {"hostname": "a.example.com", "quantity": "1"}
    answers = await asyncio.gather(*(client.post("/buy/vps-s", data=form) for _ in range(8)))
    assert {answer.headers["location"].partition("/pay/")[0] for answer in answers} == {"https://checkout.test"}
    assert len([order for order in world.orders if order["account_id"] == "acc_neo"]) == 1


async def test_an_edited_form_is_another_order(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    form = form_on(await client.get("/buy/vps-s"), "/buy/vps-s")
    for hostname in ("a.example.com", "b.example.com", "a.example.com"):
        await client.post("/buy/vps-s", data=form | {"hostname": hostname, "quantity": "1"})
    mine = [order["items"][0]["hostname"] for order in world.orders if order["account_id"] == "acc_neo"]
    assert sorted(mine) == ["a.example.com", "b.example.com"]


async def test_a_stranger_signs_in_and_finds_the_form_filled(visit_as: SignIn) -> None:
    client = await visit_as("")
    form = form_on(await client.get("/buy/vps-s?interval=year&currency=USD"), "/buy/vps-s")
    chosen = form | {"hostname": "mine.example.com", "template": "alma-9", "quantity": "4"}
    answer = await client.post("/buy/vps-s", data=chosen)
    form = form_on(await client.get(answer.headers["location"]), "/sign-in")
    answer = await client.post("/sign-in", data=form | {"email": "neo@example.com", "password": PASSWORD})
    page = await client.get(answer.headers["location"])
    kept = form_on(page, "/buy/vps-s")
    assert {name: kept[name] for name in ("interval", "currency", "hostname", "template")} == {
        "interval": "year", "currency": "USD", "hostname": "mine.example.com", "template": "alma-9",
    }  # fmt: skip
    assert '<option value="4" selected>' in page.text


async def test_an_order_needs_no_host_name(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    page = await client.get("/buy/vps-s")
    field = re.search(r'<input[^>]*id="hostname"[^>]*>', page.text)
    assert field
    assert "required" not in field[0]
    await client.post("/buy/vps-s", data=form_on(page, "/buy/vps-s") | {"hostname": "", "quantity": "1"})
    mine = [order["items"][0]["hostname"] for order in world.orders if order["account_id"] == "acc_neo"]
    assert mine == ["vps-k3n9xw"]


async def test_identity_is_told_which_browser_signs_in_and_from_where(visit_as: SignIn, world: World) -> None:
    client = await visit_as("")
    client.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    form = form_on(await client.get("/sign-in"), "/sign-in")
    await client.post("/sign-in", data=form | {"email": "neo@example.com", "password": PASSWORD})
    account = (await client.get("/account")).text
    assert "Firefox on Linux" in account
    assert "127.0.0.1" in account


async def test_when_checkout_is_away_the_order_offers_the_payment_again(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    form = form_on(await client.get("/buy/vps-s"), "/buy/vps-s")
    world.away.add("billing")
    answer = await client.post("/buy/vps-s", data=form | {"hostname": "a.example.com"})
    assert answer.headers["location"].startswith("/orders/ord_")
    page = await client.get(answer.headers["location"])
    assert "Nothing was charged" in page.text
    world.away.clear()
    action = f"{answer.headers['location']}/pay"
    paid = await client.post(action, data=form_on(page, action))
    assert paid.headers["location"].startswith("https://checkout.test/pay/")


async def test_nobody_is_led_to_a_checkout_that_was_not_configured(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    action = f"/orders/{world.named['order_awaiting_payment']}/pay"
    form = form_on(await client.get(action.removesuffix("/pay")), action)
    world.checkout_origin = "https://checkout.test.evil.test"
    answer = await client.post(action, data=form)
    assert answer.headers["location"] == action.removesuffix("/pay")


async def test_an_announced_plan_is_shown_and_cannot_be_bought(visit_as: SignIn) -> None:
    client = await visit_as("ada")
    page = (await client.get("/pricing")).text
    assert "Hosting Start" in page
    assert "/buy/hosting-start" not in page
    assert (await client.get("/buy/hosting-start")).status_code == 404


@pytest.mark.parametrize("service", ["catalog", "provisioning", "billing", "support", "identity"])
async def test_no_page_breaks_when_one_service_is_away(service: str, visit_as: SignIn, world: World) -> None:
    clients = {who: await visit_as(who or "") for who in {shot[1] for shot in every_page(world)}}
    world.away.add(service)
    for name, who, path, expected in every_page(world):
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


async def test_opening_a_verification_link_does_not_use_it_up(visit_as: SignIn, world: World) -> None:
    client = await visit_as("")
    form = form_on(await client.get("/sign-up"), "/sign-up")
    person = {"name": "Eve", "email": "eve@example.com", "password": "long enough password"}
    await client.post("/sign-up", data=form | person)
    for _ in range(3):
        page = await client.get("/verify?token=verify-token")
    assert not world.users["eve@example.com"]["verified"]
    answer = await client.post("/verify", data=form_on(page, "/verify"))
    assert answer.headers["location"] == "/sign-in"
    assert world.users["eve@example.com"]["verified"]


@pytest.mark.parametrize("path", ["/orders/{id}", "/services/{id}", "/invoices/{id}", "/tickets/{id}"])
@pytest.mark.parametrize("value", ["ord_unknown", "...", "%2e%2e", "a%2fb", "%00", "a b", "x" * 200, "%3fx=1"])
async def test_a_strange_id_is_not_found(path: str, value: str, visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    world.calls.clear()
    answer = await client.get(path.replace("{id}", value))
    assert answer.status_code == 404
    assert all(re.fullmatch(r"/api/v1/[a-z]+/[\w-]+(/timeline)?|/api/v1/services", call[2]) for call in world.calls)


async def test_another_accounts_order_is_not_found(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    assert (await client.get(f"/orders/{world.named['order_fulfilled']}")).status_code == 404


async def test_customers_cannot_open_the_console(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    world.calls.clear()
    assert (await client.get("/console/stripe-events")).status_code == 403
    assert world.calls == []


XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"{{ 7*7 }}"


async def test_what_people_write_is_shown_and_never_run(visit_as: SignIn, world: World) -> None:
    for row in (*world.orders, *world.services, *world.tickets, *world.jobs, *world.stripe_events, *world.plans):
        for name in ("name", "subject", "last_error", "message", "tagline"):
            if isinstance(row.get(name), str):
                row[name] = XSS
        for item in row.get("items", ()):
            item["hostname"] = XSS
        for message in row.get("messages", ()):
            message["body"] = message["author"]["name"] = XSS
    world.users["ada@example.com"]["name"] = world.users["ada@example.com"]["account_name"] = XSS
    for steps in world.timelines.values():
        for step in steps:
            step["title"] = step["detail"] = XSS
    clients = {who: await visit_as(who or "") for who in {shot[1] for shot in every_page(world)}}
    for name, who, path, _ in every_page(world):
        text = (await clients[who].get(path)).text
        assert "<script>alert" not in text, name
        assert "<img" not in text, name
    reflected = (await clients[None].get("/check-your-mail", params={"email": XSS})).text
    assert "<script>alert" not in reflected
    assert "49" not in reflected.split("</head>")[1]


async def test_an_invoice_link_cannot_be_a_script(visit_as: SignIn, world: World) -> None:
    world.invoices[-1]["hosted_invoice_url"] = "javascript:alert(1)"
    client = await visit_as("ada")
    page = await client.get(f"/invoices/{world.invoices[-1]['id']}")
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
        (b"&".join(b"a%d=1" % n for n in range(100)), "application/x-www-form-urlencoded", 400),
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
