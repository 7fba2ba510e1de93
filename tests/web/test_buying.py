"""The funnel: what somebody chooses is asked as its type says, priced, and never lost on the way to the order."""

import asyncio
import re
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest

from shared.contracts.reads.catalog import AdviceView, StaffOrderDetail
from tests.web.conftest import Client, SignIn, form_on
from tests.web.fake_data import ED25519, PASSWORD, World

RSA = f"ssh-rsa {'A' * 716} neo@desk"
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----"
CHOSEN = {
    "interval": "year", "quantity": "4", "c_hostname": "mine.example.com", "c_system": "alma-9", "c_region": "hel",
    "c_ssh_keys": f"{ED25519} neo@laptop\r\n{RSA}", "c_root_password": "yes",
}  # fmt: skip
ORDERED = {
    "hostname": "mine.example.com", "system": "alma-9", "region": "hel", "ssh_keys": [f"{ED25519} neo@laptop", RSA],
    "root_password": True,
}  # fmt: skip


async def _filled(client: Client, **changed: str) -> dict[str, str]:
    return form_on(await client.get("/buy/vps-s"), "/buy/vps-s") | changed


async def test_a_problem_is_shown_beside_its_field_and_the_input_is_kept(visit_as: SignIn) -> None:
    for who in ("ada", ""):  # a guest hears the same as a member
        client = await visit_as(who)
        form = await _filled(client, c_hostname="not a name", quantity="3", c_system="alma-9")
        answer = await client.post("/buy/vps-s", data=form)
        assert answer.status_code == 422
        assert re.search(r'id="c_hostname-error".*?like web-1\.example\.com', answer.text, re.S)
        kept = form_on(answer, "/buy/vps-s")
        assert (kept["c_hostname"], kept["quantity"], kept["c_system"]) == ("not a name", "3", "alma-9")
        assert 'aria-invalid="true"' in answer.text


@pytest.mark.parametrize("quantity", ["0", "11", "-1", "x", "1e3", "٣", "9" * 20])
async def test_a_strange_quantity_is_the_catalogues_to_refuse(quantity: str, visit_as: SignIn) -> None:
    client = await visit_as("ada")
    answer = await client.post("/buy/vps-s", data=await _filled(client, quantity=quantity))
    assert answer.status_code == 422
    assert 'id="quantity-error"' in answer.text


async def test_eight_clicks_are_one_order(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    form = await _filled(client, c_hostname="a.example.com")
    answers = await asyncio.gather(*(client.post("/buy/vps-s", data=form) for _ in range(8)))
    assert {answer.headers["location"].partition("/pay/")[0] for answer in answers} == {"https://checkout.test"}
    assert len(_orders_of(world, "acc_neo")) == 1


async def test_an_edited_form_is_another_order(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    form = await _filled(client)
    for hostname in ("a.example.com", "b.example.com", "a.example.com"):
        await client.post("/buy/vps-s", data=form | {"c_hostname": hostname})
    assert sorted(order.items[0].name for order in _orders_of(world, "acc_neo")) == ["a.example.com", "b.example.com"]


def _orders_of(world: World, account: str) -> list[StaffOrderDetail]:
    return [order for order in world.orders if order.customer.account_id == account]


async def _as_guest(client: Client) -> httpx.Response:
    """Configures as a guest; what comes is the sign-in page."""
    answer = await client.post("/buy/vps-s", data=await _filled(client, currency="EUR", **CHOSEN))
    assert answer.status_code == 303
    return await client.get(answer.headers["location"])


async def _order_what_is_shown(client: Client, address: str, world: World) -> None:
    page = await client.get(address)
    assert "Due today" in page.text
    assert "€180.00" in page.text  # four servers for a year
    form = form_on(page, "/buy/vps-s")
    pasted = re.search(r'<textarea[^>]*name="c_ssh_keys"[^>]*>\n(.*?)</textarea>', page.text, re.S)
    assert pasted
    await client.post("/buy/vps-s", data=form | {"c_ssh_keys": pasted[1]})
    order = world.orders[0]
    assert (order.items[0].interval, order.items[0].quantity) == ("year", 4)
    assert order.items[0].configuration == ORDERED


async def test_a_guest_who_signs_in_finds_every_choice_priced(visit_as: SignIn, world: World) -> None:
    client = await visit_as("")
    form = form_on(await _as_guest(client), "/sign-in")
    answer = await client.post("/sign-in", data=form | {"email": "neo@example.com", "password": PASSWORD})
    await _order_what_is_shown(client, answer.headers["location"], world)


async def _sign_up(client: Client, page: httpx.Response) -> httpx.Response:
    link = re.search(r'href="(/sign-up\?next=[^"]*)"', page.text)
    assert link
    form = form_on(await client.get(link[1].replace("&amp;", "&")), "/sign-up")
    person = {"name": "Eve", "email": "eve@example.com", "password": "long enough password"}
    answer = await client.post("/sign-up", data=form | person)
    return await client.get(answer.headers["location"])


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same browser", "another browser"])
async def test_a_newcomer_finds_every_choice_after_the_mail(elsewhere: bool, visit_as: SignIn, world: World) -> None:
    client = await visit_as("")
    waiting = await _sign_up(client, await _as_guest(client))
    assert "What you chose is kept" in waiting.text
    if elsewhere:
        client = await visit_as("")
    page = await client.get(world.links["eve@example.com"])
    answer = await client.post("/verify", data=form_on(page, "/verify"))
    form = form_on(await client.get(answer.headers["location"]), "/sign-in")
    answer = await client.post("/sign-in", data=form | {"email": "eve@example.com", "password": "long enough password"})
    await _order_what_is_shown(client, answer.headers["location"], world)


async def test_asking_for_the_mail_once_more_keeps_the_way_back(visit_as: SignIn, world: World) -> None:
    client = await visit_as("")
    waiting = await _sign_up(client, await _as_guest(client))
    link = re.search(r'href="(/verify/resend\?[^"]*)"', waiting.text)
    assert link
    form = form_on(await client.get(link[1].replace("&amp;", "&")), "/verify/resend")
    world.links.clear()
    answer = await client.post("/verify/resend", data=form)
    assert unquote(world.links["eve@example.com"]).count("c_system=alma-9") == 1
    assert parse_qs(urlsplit(answer.headers["location"]).query)["next"][0].startswith("/buy/vps-s?")


async def test_more_keys_than_an_address_holds_are_not_dropped_silently(visit_as: SignIn) -> None:
    client = await visit_as("")
    keys = "\n".join(f"ssh-rsa {letter * 716} key" for letter in "ABCDEFGHIJKL")
    answer = await client.post("/buy/vps-s", data=await _filled(client, c_ssh_keys=keys))
    assert answer.status_code == 422
    assert "Sign in first" in answer.text
    assert "ssh-rsa LLLL" in answer.text


@pytest.mark.parametrize("who", ["", "ada"])
async def test_a_private_key_goes_nowhere(who: str, visit_as: SignIn, world: World) -> None:
    client = await visit_as(who)
    form = await _filled(client, c_ssh_keys=PRIVATE)
    world.sent.clear()
    for address in ("/buy/vps-s", "/buy/vps-s/quote"):
        answer = await client.post(address, data=form)
        assert answer.status_code == 422
        assert "This is a private key" in answer.text
        assert "b3BlbnNzaC1rZXktdjEA" not in answer.text
    assert "PRIVATE" not in str(world.sent)


async def test_saved_keys_are_offered_and_sent_with_pasted_ones(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    page = await client.get("/buy/vps-s")
    assert world.keys["acc_ada"][0].fingerprint in page.text
    fields = [*form_on(page, "/buy/vps-s").items(), ("c_ssh_keys", world.keys["acc_ada"][0].public_key)]
    await client.post(
        "/buy/vps-s", content=httpx.QueryParams([*fields, ("c_ssh_keys", RSA)]).__str__(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert world.orders[0].items[0].configuration["ssh_keys"] == [f"{ED25519} ada@laptop", RSA]


async def test_a_saved_key_that_was_chosen_is_ticked_again(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    page = await client.get("/buy/vps-s", params={"c_ssh_keys": f"{ED25519} another comment"})
    assert re.search(r'type="checkbox" name="c_ssh_keys" value="[^"]*ada@laptop" checked', page.text)
    assert "another comment" not in page.text


async def test_a_password_is_made_only_by_choice(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    await client.post("/buy/vps-s", data=await _filled(client))
    assert world.orders[0].items[0].configuration["root_password"] is False


async def test_ordering_again_keeps_everything(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    page = await client.get(f"/orders/{world.named['order_expired']}")
    link = re.search(r'href="(/buy/[^"]*)">Order again', page.text)
    assert link
    before = next(order for order in world.orders if order.id == world.named["order_expired"])
    again = await client.get(link[1].replace("&amp;", "&"))
    form = form_on(again, "/buy/vps-s")
    pasted = re.search(r'<textarea[^>]*name="c_ssh_keys"[^>]*>\n(.*?)</textarea>', again.text, re.S)
    ticked = re.findall(r'type="checkbox" name="c_ssh_keys" value="([^"]*)" checked', again.text)
    assert pasted
    await client.post("/buy/vps-s", data=form | {"c_ssh_keys": pasted[1] or ticked[0]})
    item = world.orders[0].items[0]
    assert item.quantity == before.items[0].quantity == 3
    assert {**item.configuration, "ssh_keys": 0} == {**before.items[0].configuration, "ssh_keys": 0}
    assert item.configuration["ssh_keys"][0].split()[1] == ED25519.split()[1]


async def test_a_type_nobody_knows_is_asked_as_its_plan_says(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    page = await client.get("/buy/postcard")
    assert 'name="c_scent"' in page.text
    form = form_on(page, "/buy/postcard")
    refused = await client.post("/buy/postcard", data=form)
    assert 'id="c_name-error"' in refused.text
    typed = {"c_name": "Ada", "c_message": "Dear Ada,\r\nit runs.", "c_stamp": "4", "c_scent": "lavender"}
    await client.post("/buy/postcard", data=form | typed)
    assert world.orders[0].items[0].configuration == {
        "name": "Ada", "message": "Dear Ada,\nit runs.", "stamp": "4", "scent": "lavender",
    }  # fmt: skip


async def test_the_total_is_shown_before_and_without_scripts(visit_as: SignIn) -> None:
    client = await visit_as("")
    assert "€4.50" in (await client.get("/buy/vps-s")).text.split('data-part="summary"')[1]
    page = await client.post("/buy/vps-s/quote", data=await _filled(client, interval="year", quantity="3"))
    assert page.status_code == 200
    summary = page.text.split('data-part="summary"')[1]
    assert "€135.00" in summary
    assert "Renews at €135.00 every year" in summary
    assert form_on(page, "/buy/vps-s")["quantity"] == "3"


async def test_a_script_gets_the_total_alone(visit_as: SignIn) -> None:
    client = await visit_as("")
    form = await _filled(client, quantity="2")
    part = await client.post("/buy/vps-s/quote", data=form, headers={"x-fragment": "1"})
    assert "<html" not in part.text
    assert "€9.00" in part.text
    assert 'data-part="total"' in part.text


async def test_a_warning_is_shown_once_before_the_order(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    form = await _filled(client, c_hostname="taken.example.com")
    world.warnings = [AdviceView(pointer="/items/0", detail="You have a service called taken.example.com already.")]
    asked = await client.post("/buy/vps-s", data=form)
    assert asked.status_code == 409
    assert "taken.example.com already" in asked.text
    assert _orders_of(world, "acc_neo") == []
    await client.post("/buy/vps-s", data=form_on(asked, "/buy/vps-s"))
    assert len(_orders_of(world, "acc_neo")) == 1


async def test_no_price_can_be_asked_does_not_stop_the_form(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    page = await client.get("/buy/vps-s")
    world.away.add("catalog")
    assert (await client.post("/buy/vps-s", data=form_on(page, "/buy/vps-s"))).status_code == 503


async def test_when_checkout_is_away_the_order_offers_the_payment_again(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    form = await _filled(client, c_hostname="a.example.com")
    world.away.add("billing")
    answer = await client.post("/buy/vps-s", data=form)
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


async def test_prices_say_what_a_year_comes_to_by_the_month_and_what_set_up_costs(visit_as: SignIn) -> None:
    page = (await (await visit_as("")).get("/pricing?interval=year")).text
    large = page.split("VPS L")[1].split("</li>\n")[0]
    assert "€189.00" in large
    assert "€15.75 a month" in large
    assert "plus €5.00 once for set-up" in large
    assert page.count("Recommended") == 1
