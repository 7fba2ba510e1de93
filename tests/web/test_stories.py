"""What an order's page tells and counts."""

from datetime import UTC, datetime

import pytest

from gateway.web.timeline import delivery, in_order, tally
from shared.contracts.reads.common import TimelineEntry
from shared.contracts.reads.provisioning import ServiceDetail
from tests.web.conftest import SignIn
from tests.web.fake_data import World


def _entry(at: str, title: str, state: str = "done") -> TimelineEntry:
    moment = datetime.fromisoformat(f"2026-01-01T{at}+00:00").astimezone(UTC)
    return TimelineEntry(at=moment, key=title, title=title, state=state)


def _service(world: World, name: str) -> ServiceDetail:
    found = next(one for one in world.services if one.id == world.named[name])
    return ServiceDetail.model_validate(found.model_dump())


def test_a_story_is_told_in_the_order_it_happened() -> None:
    order = [_entry("10:00:00", "placed"), _entry("10:01:00", "paid"), _entry("10:05:00", "fulfilled")]
    service = [_entry("10:01:00", "queued"), _entry("09:59:00", "started", "waiting"), _entry("10:04:00", "running")]
    told = [entry.title for entry in in_order(order, service)]
    assert told == ["placed", "paid", "queued", "running", "fulfilled", "started"]


def test_power_after_the_handing_over_is_no_part_of_an_orders_story(world: World) -> None:
    service = _service(world, "service_active")
    assert service.timeline[-1].title == "Rebooted"
    assert [step.title for step in delivery(service).steps][-1] == "Handed over"


def test_what_is_being_built_says_how_far_it_is(world: World) -> None:
    found = delivery(_service(world, "service_provisioning"))
    assert (found.moving, found.done, len(found.steps)) == (True, 2, 6)


@pytest.mark.parametrize(
    ("granted", "delivered", "agrees", "exceeded"),
    [(2, 2, True, False), (2, 1, False, False), (3, 3, False, True)],
)
def test_the_tally_agrees_only_when_everything_was_delivered_once(
    granted: int, delivered: int, agrees: bool, exceeded: bool, world: World
) -> None:
    order = next(one for one in world.orders if one.id == world.named["order_pair"])
    order.entitlements = [order.entitlements[0]] * granted
    built, unbuilt = _service(world, "service_active"), _service(world, "service_provisioning")
    found = tally(order, [built] * delivered + [unbuilt] * (granted - delivered))
    assert (found.agrees, found.exceeded) == (agrees, exceeded)


def test_what_has_ended_since_was_delivered_all_the_same(world: World) -> None:
    order = next(one for one in world.orders if one.id == world.named["order_fulfilled"])
    service = _service(world, "service_active")
    service.state = service.status = "ended"
    assert tally(order, [service]).agrees


async def test_thirty_servers_are_counted_and_listed_though_a_page_holds_twenty(visit_as: SignIn, world: World) -> None:
    page = (await (await visit_as("many")).get(f"/orders/{world.named['order_farm']}")).text
    assert "Fulfilled exactly once" in page
    assert page.count('class="fold"') == 30
    assert page.count('<span class="tally-number">30</span>') == 3


async def test_an_order_of_many_items_says_what_renews_when(visit_as: SignIn, world: World) -> None:
    page = (await (await visit_as("ada")).get(f"/orders/{world.named['order_mixed']}")).text
    assert "Monthly" in page
    assert "€11.50" in page  # two servers and a postcard
    assert "Yearly" in page
    assert "€189.00" in page
    assert "On its way" in page  # a state nobody here knows, shown as it is
    assert "2 of 6 steps" in page


async def test_a_problem_with_the_payment_goes_away_when_it_is_paid(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    order = next(one for one in world.orders if one.id == world.named["order_declined"])
    assert "The payment did not go through" in (await client.get(f"/orders/{order.id}")).text
    order.status = "paid"
    assert "did not go through" not in (await client.get(f"/orders/{order.id}")).text


async def test_a_stopped_server_is_not_called_running(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    page = (await client.get(f"/services/{world.named['service_stopped']}")).text
    head = page.split("<h1>")[1].split('<div class="actions">')[0]
    assert '<span class="pill">Stopped</span>' in head
    assert "tone-ok" not in head
    assert "Start" in page


async def test_how_to_get_in_is_what_the_service_says(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ada")
    service = next(one for one in world.services if one.id == world.named["service_active"])
    page = (await client.get(f"/services/{service.id}")).text
    assert "ssh root@203.0.113.24" in page
    assert "SHA256:laptop" in page
    assert service.access
    service.access.command, service.access.note = None, "No key and no password were asked for."
    page = (await client.get(f"/services/{service.id}")).text
    assert "ssh root@" not in page
    assert "No key and no password were asked for." in page


async def test_a_service_says_what_it_costs_and_when_it_renews(visit_as: SignIn, world: World) -> None:
    page = (await (await visit_as("ada")).get(f"/services/{world.named['service_active']}")).text
    assert "€4.50 per month" in page
    assert "Renews" in page
