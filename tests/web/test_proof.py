"""Where a fresh proof is needed, the password is asked and nothing that was typed is lost."""

import httpx
import pytest

from tests.web.conftest import SignIn, form_on
from tests.web.fake_data import PASSWORD, World


@pytest.fixture
async def asked(visit_as: SignIn, world: World) -> tuple[httpx.AsyncClient, str, httpx.Response]:
    """Somebody of finance accepts a payment long after signing in: (client, the form's address, what comes)."""
    client = await visit_as("fin")
    world.stale.add("ses_fin")
    page = f"/console/orders/{world.named['order_under_review']}"
    form = form_on(await client.get(page), f"{page}/accept")
    answer = await client.post(f"{page}/accept", data=form | {"reason": "Checked with the bank"})
    return client, f"{page}/accept", answer


def _status(world: World) -> str:
    return next(one.status for one in world.orders if one.id == world.named["order_under_review"])


async def test_the_password_is_asked_and_nothing_done(
    asked: tuple[httpx.AsyncClient, str, httpx.Response], world: World
) -> None:
    _, address, page = asked
    assert page.status_code == 403
    assert "Enter your password" in page.text
    assert form_on(page, address)["reason"] == "Checked with the bank"
    assert _status(world) == "under_review"


async def test_with_the_password_it_goes_on_where_it_was(
    asked: tuple[httpx.AsyncClient, str, httpx.Response], world: World
) -> None:
    client, address, page = asked
    wrong = await client.post(address, data=form_on(page, address) | {"proof": "not it at all"})
    assert wrong.status_code == 422
    assert "The password is not right." in wrong.text
    assert "not it at all" not in wrong.text
    answer = await client.post(address, data=form_on(wrong, address) | {"proof": PASSWORD})
    assert answer.headers["location"] == address.removesuffix("/accept")
    assert _status(world) == "paid"
    # The password went to identity and nowhere else.
    assert [body for body in world.sent if body and PASSWORD in str(body)] == [{"password": PASSWORD}]


async def test_a_one_time_password_is_shown_once_after_a_proof(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    service = next(one for one in world.services if one.id == world.named["service_active"])
    assert service.access
    service.access.password_waiting, service.secret = True, "tulip-anvil-42"
    world.stale.add("ses_ada")
    page = f"/services/{service.id}"
    form = form_on(await client.get(page), f"{page}/secret")
    proof = await client.post(f"{page}/secret", data=form)
    shown = await client.post(f"{page}/secret", data=form_on(proof, f"{page}/secret") | {"proof": PASSWORD})
    assert "tulip-anvil-42" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    again = await client.post(f"{page}/secret", data=form)
    assert again.headers["location"] == page
    assert "shown once already" in (await client.get(page)).text
    assert "Show the one-time password" not in (await client.get(page)).text
