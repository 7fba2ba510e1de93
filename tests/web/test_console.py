"""What staff set going from the console."""

import re

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
    action = f"/console/dead-letters/catalog/catalog.events/{letter.id}/replay"
    form = form_on(await client.get("/console/dead-letters"), action)
    await client.post(action, data=form)
    assert letter not in world.letters["catalog"]
    assert letter.id not in (await client.get("/console/dead-letters")).text


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
    overview = (await client.get("/console")).text
    assert "Billing is not answering" in overview
    assert "waits for a person" not in overview
    assert "Not answering" in (await client.get("/console/dead-letters")).text


async def test_nothing_but_zeros_is_one_calm_line(visit_as: SignIn, world: World) -> None:
    world.jobs.clear()
    world.stripe_events.clear()
    world.letters.clear()
    for order in world.orders:
        order.status = "fulfilled"
    page = (await (await visit_as("staff")).get("/console")).text
    assert "Deliveries that failed" in page
    assert "Jobs given up" not in page


async def test_what_waits_for_an_upgrade_is_listed_beside_what_gave_up(visit_as: SignIn) -> None:
    page = (await (await visit_as("ops")).get("/console/dead-letters")).text
    assert "billing.credit.granted.v1" in page
    assert "Waits for an upgrade" in page
    assert "no handler" in page


@pytest.mark.parametrize(("event", "offered"), [("event_dead", True), ("event_ignored", True), ("event_done", False)])
async def test_replay_is_offered_only_where_it_would_change_something(
    event: str, offered: bool, visit_as: SignIn, world: World
) -> None:
    page = (await (await visit_as("staff")).get(f"/console/stripe-events/{world.named[event]}")).text
    assert ("/replay" in page) == offered


async def test_an_event_that_was_done_meanwhile_is_said_calmly(visit_as: SignIn, world: World) -> None:
    client = await visit_as("staff")
    page = f"/console/stripe-events/{world.named['event_dead']}"
    form = form_on(await client.get(page), f"{page}/replay")
    event = next(one for one in world.stripe_events if one.id == world.named["event_dead"])
    event.state, event.outcome = "done", "invoice_paid"
    answer = await client.post(f"{page}/replay", data=form)
    assert answer.headers["location"] == page
    assert "had its effect already" in (await client.get(page)).text


async def test_an_order_is_found_by_the_e_mail_of_its_customer(visit_as: SignIn, world: World) -> None:
    client = await visit_as("sue")
    page = (await client.get("/console/orders?q=ada@example.com")).text
    assert "EZ-1001" in page
    assert "many@example.com" not in page


@pytest.mark.parametrize("path", ["orders", "services", "provisioning", "tickets", "stripe-events", "ledger"])
async def test_every_row_says_whose_it_is(path: str, visit_as: SignIn) -> None:
    page = (await (await visit_as("staff")).get(f"/console/{path}")).text
    rows = page.split("<tbody>")[1].split("</tbody>")[0].split("<tr>")[1:]
    assert rows
    assert all("@example.com" in row for row in rows)


async def test_staff_act_on_a_service_with_a_reason(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ops")
    service = next(one for one in world.services if one.id == world.named["service_active"])
    page = f"/console/services/{service.id}"
    form = form_on(await client.get(page), f"{page}/right/suspend")
    refused = await client.post(f"{page}/right/suspend", data=form | {"reason": ""})
    assert refused.status_code == 422
    assert "Nothing was done" in refused.text
    answer = await client.post(f"{page}/right/suspend", data=form | {"reason": "Abuse report 12"})
    assert answer.headers["location"] == page
    assert service.state == "suspended"
    assert ("catalog", "POST", f"/api/v1/staff/entitlements/{service.entitlement_id}/suspend") in world.calls
    form = form_on(await client.get(page), f"{page}/power")
    await client.post(f"{page}/power", data=form | {"reason": "It hangs"})
    assert world.sent[-1] == {"action": "reboot", "reason": "It hangs"}


async def test_a_service_is_changed_to_another_plan_of_its_type(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ops")
    page = f"/console/services/{world.named['service_active']}"
    shown = await client.get(page)
    choices = re.search(r'<select[^>]*name="plan">(.*?)</select>', shown.text, re.S)
    assert choices
    assert re.findall(r'value="([^"]+)"', choices[1]) == ["vps-m", "vps-l"]
    form = form_on(shown, f"{page}/right/change")
    await client.post(f"{page}/right/change", data=form | {"plan": "vps-l", "reason": "Asked by phone"})
    assert world.sent[-1] == {"plan": "vps-l", "reason": "Asked by phone"}


async def test_providers_are_added_changed_paused_and_opened(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ops")
    form = form_on(await client.get("/console/providers/new"), "/console/providers/new")
    typed = form | {
        "name": "pve-3", "kind": "proxmox", "product_types": "vps, dedicated", "endpoint": "http://pve-3",
        "secret_ref": "PROXMOX_3", "capacity": "20", "settings": "{", "reason": "More room",
    }  # fmt: skip
    assert "Write JSON" in (await client.post("/console/providers/new", data=typed)).text
    refused = await client.post("/console/providers/new", data=typed | {"settings": ""})
    assert 'id="endpoint-error"' in refused.text
    typed |= {"endpoint": "https://pve-3", "settings": '{"node": "n3"}'}
    assert (await client.post("/console/providers/new", data=typed)).headers["location"] == "/console/providers"
    added = world.providers[-1]
    assert (added.product_types, added.capacity, added.settings) == (["vps", "dedicated"], 20, {"node": "n3"})
    page = f"/console/providers/{added.id}"
    form = form_on(await client.get(page), page)
    await client.post(page, data=form | {"capacity": "", "reason": "No limit any more"})
    assert (added.capacity, added.settings) == (None, {})
    form = form_on(await client.get("/console/providers"), f"{page}/pause")
    await client.post(f"{page}/pause", data=form | {"reason": "Maintenance"})
    assert added.state == "paused"


async def test_a_switch_stops_everything_and_says_so(visit_as: SignIn, world: World) -> None:
    client = await visit_as("ops")
    form = form_on(await client.get("/console/providers"), "/console/providers/writes")
    await client.post("/console/providers/writes", data=form | {"reason": "Storage trouble"})
    assert world.switches["provider-writes"].engaged
    assert "All writes to providers are stopped" in (await client.get("/console")).text
    form = form_on(await client.get("/console/notifications"), "/console/notifications/switch")
    await client.post("/console/notifications/switch", data=form | {"reason": "Wrong template"})
    assert world.switches["mail"].engaged
    assert "All mail is stopped" in (await client.get("/console/overview/support")).text


async def test_a_plan_gets_a_price_and_the_reason_why_not(visit_as: SignIn, world: World) -> None:
    client = await visit_as("staff")
    page = "/console/plans/pln_vpss"
    form = form_on(await client.get(page), f"{page}/prices") | {"currency": "EUR", "interval": "month"}
    refused = await client.post(f"{page}/prices", data=form | {"amount_minor": "12,50"})
    assert 'id="amount_minor-error"' in refused.text
    assert 'value="12,50"' in refused.text
    answer = await client.post(f"{page}/prices", data=form | {"amount_minor": "1250"})
    assert answer.headers["location"] == page
