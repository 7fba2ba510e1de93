"""Getting in: mails, links, and the keys and sessions on the account page."""

import re

import pytest

from tests.web.conftest import SignIn, form_on
from tests.web.fake_data import ED25519, World
from tests.web.test_buying import PRIVATE


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


async def test_a_link_leads_only_to_a_page_of_ours(visit_as: SignIn, world: World) -> None:
    client = await visit_as("")
    world.tokens["verify-token"] = "neo@example.com"
    world.users["neo@example.com"]["verified"] = False
    page = await client.get("/verify?token=verify-token&next=//evil.test")
    answer = await client.post("/verify", data=form_on(page, "/verify") | {"next": "https://evil.test"})
    assert answer.headers["location"] == "/sign-in"


async def test_after_a_reset_the_reset_is_offered_again_and_not_the_confirmation(visit_as: SignIn) -> None:
    client = await visit_as("")
    form = form_on(await client.get("/forgot-password"), "/forgot-password")
    answer = await client.post("/forgot-password", data=form | {"email": "ada@example.com"})
    page = await client.get(answer.headers["location"])
    assert "send the link again" in page.text
    assert "confirmation" not in page.text
    assert "/forgot-password?email=ada%40example.com" in page.text


async def test_a_reset_says_that_it_signs_out_here_too(visit_as: SignIn) -> None:
    page = (await (await visit_as("ada")).get("/reset-password?token=abc")).text
    assert "signed out everywhere, this browser included" in page
    assert "elsewhere" not in page


async def test_a_key_is_added_shown_with_its_fingerprint_and_removed(visit_as: SignIn, world: World) -> None:
    client = await visit_as("neo")
    form = form_on(await client.get("/account"), "/account/ssh-keys")
    answer = await client.post("/account/ssh-keys", data=form | {"name": "desk", "public_key": f"{ED25519} neo"})
    assert answer.headers["location"] == "/account"
    key = world.keys["acc_neo"][0]
    page = await client.get("/account")
    assert key.fingerprint in page.text
    action = f"/account/ssh-keys/{key.id}/remove"
    await client.post(action, data=form_on(page, action))
    assert world.keys["acc_neo"] == []


@pytest.mark.parametrize(("typed", "said"), [("ecdsa?", "not a public key"), (PRIVATE, "This is a private key")])
async def test_a_key_that_is_none_is_refused_beside_its_field(
    typed: str, said: str, visit_as: SignIn, world: World
) -> None:
    client = await visit_as("neo")
    form = form_on(await client.get("/account"), "/account/ssh-keys")
    world.sent.clear()
    answer = await client.post("/account/ssh-keys", data=form | {"name": "desk", "public_key": typed})
    assert answer.status_code == 422
    assert re.search(rf'id="public_key-error">.*?{said}', answer.text, re.S)
    assert 'value="desk"' in answer.text
    assert "b3BlbnNzaC1rZXktdjEA" not in answer.text
    assert "PRIVATE" not in str(world.sent)
