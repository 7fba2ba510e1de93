"""What staff set going from the console."""

import pytest

from tests.web.conftest import SignIn, form_on
from tests.web.fake_data import World


@pytest.mark.parametrize(
    ("page", "action", "call", "notice"),
    [
        ("/console/provisioning/{job_dead}", "/retry", "/api/v1/staff/jobs/{job_dead}/retry", "queued again"),
        ("/console/stripe-events/{event_dead}", "/replay", "/api/v1/staff/stripe-events/{event_dead}/replay", "queued"),
        ("/console/tickets/{ticket_answered}", "/close", "/api/v1/staff/tickets/{ticket_answered}/close", "closed"),
    ],
)
async def test_a_button_reaches_the_service_that_owns_it(
    page: str, action: str, call: str, notice: str, visit_as: SignIn, world: World
) -> None:
    page, call = page.format_map(world.named), call.format_map(world.named)
    client = await visit_as("staff")
    form = form_on(await client.get(page), page + action)
    answer = await client.post(page + action, data=form)
    assert call in {path for _, method, path in world.calls if method == "POST"}
    assert answer.headers["location"] == page
    assert notice in (await client.get(page)).text


async def test_a_dead_letter_is_replayed_from_its_list(visit_as: SignIn, world: World) -> None:
    client = await visit_as("staff")
    letter = world.letters["catalog"][0]
    action = f"/console/dead-letters/catalog/catalog.events/{letter['id']}/replay"
    form = form_on(await client.get("/console/dead-letters"), action)
    await client.post(action, data=form)
    assert world.letters["catalog"] == []
    assert letter["id"] not in (await client.get("/console/dead-letters")).text


async def test_a_payment_under_review_is_accepted_with_a_reason(visit_as: SignIn, world: World) -> None:
    client = await visit_as("staff")
    page = f"/console/orders/{world.named['order_under_review']}"
    form = form_on(await client.get(page), f"{page}/accept")
    refused = await client.post(f"{page}/accept", data=form | {"reason": "x"})
    assert refused.status_code == 422
    assert 'id="reason-error"' in refused.text
    answer = await client.post(f"{page}/accept", data=form | {"reason": "Checked with the bank"})
    assert answer.headers["location"] == page
    assert "Decide on this payment" not in (await client.get(page)).text


async def test_an_answer_reaches_the_customer(visit_as: SignIn, world: World) -> None:
    staff, customer = await visit_as("staff"), await visit_as("ada")
    ticket = world.named["ticket_answered"]
    page = f"/console/tickets/{ticket}"
    form = form_on(await staff.get(page), f"{page}/reply")
    assert (await staff.post(f"{page}/reply", data=form | {"body": " "})).status_code == 422
    await staff.post(f"{page}/reply", data=form | {"body": "The storage is there now."})
    assert "The storage is there now." in (await customer.get(f"/tickets/{ticket}")).text


async def test_a_service_that_is_away_is_not_called_empty(visit_as: SignIn, world: World) -> None:
    client = await visit_as("staff")
    world.away.add("billing")
    assert "Not answering" in (await client.get("/console")).text
    assert "Not answering" in (await client.get("/console/dead-letters")).text


async def test_lists_walk_to_older_rows_and_back(visit_as: SignIn, world: World) -> None:
    client = await visit_as("many")
    first = (await client.get("/orders")).text
    assert 'href="/orders?cursor=25"' in first
    second = (await client.get("/orders?cursor=25")).text
    assert 'href="/orders">' in second
    assert "Older" not in second
    numbers = {order["number"] for order in world.orders if order["account_id"] == "acc_many"}
    assert {number for number in numbers if f">{number}<" in first + second} == numbers
