"""An instance of an earlier version, killed while everything is on its way, is upgraded: nothing is lost or repeated.

The instance is `upgrade/instance` (made by `upgrade/make_fixture.py` from commit 347fabd). It is started as its owner
would start it, with `ez up` of today over the old data. What is expected is said by the public API and by the manifest
of what was there, not by tables.
"""

import json
import re
import urllib.parse
from collections import Counter
from typing import Any

import pytest

from ez import demo
from ez.embedded.environment import SERVICES
from shared.testing import eventually
from tests.seams.upgrade.upgraded import PATIENCE, Upgraded, upgraded

__all__ = ["upgraded"]


SETTLED = {
    "two-units": "fulfilled",
    "yearly": "fulfilled",
    "failing-renewal": "fulfilled",
    "awaiting-with-page": "awaiting_payment",
    "awaiting-without-page": "awaiting_payment",
    "declined": "awaiting_payment",
    "canceled": "canceled",
    "canceled-in-flight": "canceled",
    "expired": "expired",
    "under-review": "under_review",
    "dead-job": "paid",
    "parked-job": "paid",
}
IN_FLIGHT = (
    "activated-in-flight",
    "granted-in-flight",
    "paid-in-flight",
    "in-the-inbox",
    "hypervisor-away",
    "machine-half-made",
    "event-unprocessed",
    "webhook-undelivered",
)


async def test_the_old_instance_was_killed_in_the_middle_of_everything(upgraded: Upgraded) -> None:
    unfinished = upgraded.told["unfinished"]
    assert "checkout.session.completed" in unfinished.pop("billing.stripe_events")
    assert unfinished == {
        "identity.outbox": ["identity.verification.requested.v1"],
        "catalog.outbox": [
            "catalog.entitlement.granted.v1",
            "catalog.order.canceled.v1",
            "catalog.plan.published.v1",
        ],
        "billing.outbox": ["billing.checkout.paid.v1"],
        "provisioning.outbox": ["provisioning.resource.activated.v1"],
        "provisioning.inbox": ["catalog.entitlement.granted.v1"],
        "provisioning.jobs": ["create", "create", "reboot"],
        "support.notifications": ["ticket_reply"],
    }
    assert {*SETTLED, *IN_FLIGHT} == set(upgraded.old["orders"])


async def test_every_order_is_there_with_what_was_bought(upgraded: Upgraded) -> None:
    listed = {order["id"]: order for order in upgraded.api("GET", "/api/v1/orders?limit=100")["data"]}
    assert len(listed) >= len(upgraded.old["orders"])
    for name, known in upgraded.old["orders"].items():
        before, now = known["last"], upgraded.order(name)
        assert listed[known["id"]]["number"] == now["number"]
        for field in ("number", "currency", "total", "created_at"):
            assert now[field] == before[field], (name, field)
        assert [item["id"] for item in now["items"]] == [item["id"] for item in before["items"]]
        for old, new in zip(before["items"], now["items"], strict=True):
            for field in ("plan", "product_type", "interval", "quantity", "unit", "setup_fee", "total"):
                assert new[field] == old[field], (name, field)
            assert old["hostname"] in json.dumps(new)
            assert old["template"] in json.dumps(new)
        granted = {right["id"] for right in before["entitlements"]}
        assert granted <= {right["id"] for right in now["entitlements"]}


async def test_a_year_with_a_set_up_fee_and_two_units_are_what_the_manifest_says(upgraded: Upgraded) -> None:
    (yearly,) = upgraded.order("yearly")["items"]
    assert (yearly["interval"], yearly["setup_fee"]["amount_minor"], yearly["total"]["amount_minor"]) == (
        "year",
        1500,
        25500,
    )
    two = upgraded.order("two-units")
    assert two["items"][0]["quantity"] == 2
    assert [right["status"] for right in two["entitlements"]] == ["active", "active"]


@pytest.mark.parametrize(
    "name", ["two-units", "yearly", "failing-renewal", "canceled", "canceled-in-flight", "expired"]
)
async def test_what_was_over_is_as_it_was(upgraded: Upgraded, name: str) -> None:
    known = upgraded.old["orders"][name]
    assert known["last"]["status"] == upgraded.order(name)["status"] == SETTLED[name]
    assert len(upgraded.services(name)) == len(known["services"])


async def test_services_keep_their_machine_name_and_address(upgraded: Upgraded) -> None:
    before = {machine["vmid"]: machine for machine in upgraded.told["machines"]}
    for name in ("two-units", "yearly", "failing-renewal", "activated-in-flight"):
        now = {service["id"]: service for service in upgraded.services(name)}
        for old in upgraded.old["orders"][name]["services"]:
            service = now[old["id"]]
            assert service["status"] == "active"
            for field in ("name", "product_type", "plan", "entitlement_id", "activated_at"):
                assert service[field] == old[field], field
            assert old["ipv4"] in json.dumps(service)
            (machine,) = upgraded.machines_of(old["id"])
            assert old["id"] in json.dumps(before[machine["vmid"]])


@pytest.mark.parametrize("name", IN_FLIGHT)
async def test_what_was_on_its_way_arrives_once(upgraded: Upgraded, name: str) -> None:
    await upgraded.until(name, "fulfilled")
    (service,) = upgraded.services(name)
    assert service["status"] == "active"
    assert len(upgraded.machines_of(service["id"])) == 1

    async def welcomed() -> int:
        return sum(count for subject, count in upgraded.subjects().items() if f"{name}.example" in subject)

    await eventually(welcomed, within=PATIENCE, what="the welcome mail")
    assert await welcomed() == 1


async def test_the_half_made_machine_is_adopted(upgraded: Upgraded) -> None:
    await upgraded.until("machine-half-made", "fulfilled")
    (service,) = upgraded.services("machine-half-made")
    (before,) = [one for one in upgraded.told["machines"] if service["id"] in json.dumps(one)]
    (machine,) = upgraded.machines_of(service["id"])
    assert machine["vmid"] == before["vmid"]
    steps = upgraded.staff("GET", f"/api/v1/staff/jobs/{upgraded.job_of('machine-half-made')['id']}")["steps"]
    assert {step["state"] for step in steps} == {"done"}


async def test_a_power_action_that_waited_is_done(upgraded: Upgraded) -> None:
    path = f"/api/v1/services/{upgraded.told['rebooting']}"

    async def over() -> bool:
        return upgraded.api("GET", path)["pending_action"] is None

    await eventually(over, within=PATIENCE, what="the restart")
    jobs = upgraded.staff("GET", f"/api/v1/staff/services/{upgraded.told['rebooting']}")["jobs"]
    assert [job["state"] for job in jobs if job["intent"] == "reboot"] == ["done"]


async def test_a_canceled_order_s_page_is_closed_though_the_fact_was_on_its_way(upgraded: Upgraded) -> None:
    session = upgraded.old["orders"]["canceled-in-flight"]["page"].rsplit("/", 1)[-1]

    async def closed() -> bool:
        return bool(upgraded.embedded.stripe("GET", f"/v1/checkout/sessions/{session}")["status"] == "expired")

    await eventually(closed, within=PATIENCE, what="the page to be closed")


async def test_a_newcomer_gets_the_mail_that_was_on_its_way_and_may_sign_in(upgraded: Upgraded) -> None:
    newcomer = upgraded.told["newcomer"]

    async def mails() -> list[dict[str, Any]]:
        return upgraded.embedded.mails(newcomer["email"])

    (mail,) = await eventually(mails, within=PATIENCE, what="the confirmation mail")
    assert mail["deliveries"] == 1
    token = re.search(r"/verify\?token=([\w%.~-]+)", mail["text"])
    assert token is not None
    api = demo.Api(upgraded.embedded.url)
    api("POST", "/api/v1/users/verify", {"token": urllib.parse.unquote(token[1])})
    login = {"email": newcomer["email"], "password": newcomer["password"]}
    assert api("POST", "/api/v1/sessions", login)["token"]


async def test_a_price_that_was_on_its_way_to_stripe_is_known_there(upgraded: Upgraded) -> None:
    price = upgraded.told["new_price"]

    async def known() -> bool:
        (product,) = [one for one in upgraded.stripe_list("products") if one["name"] == "VPS M"]
        prices = upgraded.stripe_list("prices", product=product["id"])
        return any((one["unit_amount"], one["currency"]) == (price["amount_minor"], "usd") for one in prices)

    await eventually(known, within=PATIENCE, what="the new price")


async def test_every_invoice_is_there(upgraded: Upgraded) -> None:
    now = {invoice["id"]: invoice for invoice in upgraded.api("GET", "/api/v1/invoices?limit=100")["data"]}
    for before in upgraded.old["invoices"]:
        for field in ("number", "status", "order_id", "total", "amount_paid", "created_at", "paid_at", "pdf_url"):
            assert now[before["id"]][field] == before[field], field


async def test_the_ticket_is_open_and_the_answer_that_waited_is_mailed_once(upgraded: Upgraded) -> None:
    before = upgraded.told["ticket"]
    now = upgraded.api("GET", f"/api/v1/tickets/{before['id']}")
    for field in ("subject", "status", "priority", "messages"):
        assert now[field] == before[field]
    assert [mail["subject"] for mail in upgraded.told["mails"]].count(before["subject"]) == 0

    async def answered() -> int:
        return sum(count for subject, count in upgraded.subjects().items() if before["subject"] in subject)

    await eventually(answered, within=PATIENCE, what="the answer's mail")
    assert await answered() == 1


async def test_requests_of_before_get_their_answers_of_before(upgraded: Upgraded) -> None:
    known = upgraded.told["ticket_request"]
    answer = upgraded.api("POST", "/api/v1/tickets", json.loads(known["body"]), key=known["key"])
    assert answer == known["answer"]
    order = upgraded.old["orders"]["awaiting-without-page"]
    assert upgraded.api("POST", "/api/v1/orders", json.loads(order["body"]), key=order["key"]) == order["answer"]


async def test_the_password_of_before_opens_a_session(upgraded: Upgraded) -> None:
    login = {"email": upgraded.old["email"], "password": upgraded.old["password"]}
    api = demo.Api(upgraded.embedded.url)
    api.token = api("POST", "/api/v1/sessions", login)["token"]
    assert api("GET", "/api/v1/me")["user"]["email"] == upgraded.old["email"]


@pytest.mark.parametrize("name", ["awaiting-with-page", "declined"])
async def test_an_order_is_paid_on_the_page_that_was_open(upgraded: Upgraded, name: str) -> None:
    assert upgraded.order(name)["status"] == "awaiting_payment"
    assert (upgraded.order(name)["payment_problem"] is not None) == (name == "declined")
    upgraded.pay(upgraded.old["orders"][name]["page"])
    await upgraded.until(name, "fulfilled")
    (service,) = upgraded.services(name)
    assert len(upgraded.machines_of(service["id"])) == 1


async def test_an_order_without_a_page_gets_one_and_is_paid(upgraded: Upgraded) -> None:
    order = upgraded.old["orders"]["awaiting-without-page"]
    upgraded.pay(upgraded.api("POST", f"/api/v1/orders/{order['id']}/checkout")["url"])
    await upgraded.until("awaiting-without-page", "fulfilled")


async def test_money_under_review_waits_for_a_person_and_is_accepted(upgraded: Upgraded) -> None:
    known = upgraded.old["orders"]["under-review"]
    found = upgraded.staff("GET", f"/api/v1/staff/orders/{known['id']}")
    assert (found["status"], found["review_reason"]) == ("under_review", "payment_mismatch")
    path = f"/api/v1/staff/orders/{known['id']}/accept-payment"
    upgraded.staff("POST", path, {"reason": "the customer paid the rest by transfer"}, key="accept-after-upgrade")
    await upgraded.until("under-review", "fulfilled")


@pytest.mark.parametrize(("name", "state"), [("dead-job", "dead"), ("parked-job", "parked")])
async def test_a_delivery_that_gave_up_is_visible_and_can_be_tried_again(
    upgraded: Upgraded, name: str, state: str
) -> None:
    job = upgraded.job_of(name)
    assert (upgraded.order(name)["status"], job["state"]) == ("paid", state)
    upgraded.staff("POST", f"/api/v1/staff/jobs/{job['id']}/retry")
    await upgraded.until(name, "fulfilled")
    (service,) = upgraded.services(name)
    assert len(upgraded.machines_of(service["id"])) == 1


async def test_in_the_end_everything_was_charged_made_and_mailed_once(upgraded: Upgraded) -> None:
    """Counts over all orders; whichever of them the tests before have paid for."""
    for name in IN_FLIGHT:
        await upgraded.until(name, "fulfilled")
    references = Counter(
        service["id"]
        for name in upgraded.old["orders"]
        for service in upgraded.services(name)
        for _ in upgraded.machines_of(service["id"])
    )
    assert set(references.values()) == {1}
    assert len(upgraded.embedded.machines()) == len(references)
    charges = [charge for charge in upgraded.stripe_list("charges") if charge["paid"]]
    assert set(Counter(charge["payment_intent"] for charge in charges).values()) == {1}
    # One charge for each order that was paid, and one for the renewal that succeeded.
    paid = [name for name in upgraded.old["orders"] if upgraded.order(name)["status"] in ("paid", "fulfilled")]
    waiting = ["under-review"] if upgraded.order("under-review")["status"] == "under_review" else []
    assert len(charges) == len(paid) + len(waiting) + 1
    assert not [subject for subject, count in upgraded.subjects().items() if count > 1 and "Receipt" not in subject]
    known = {mail["message_id"] for mail in upgraded.told["mails"]}
    mails = upgraded.embedded.mails(upgraded.old["email"])
    assert known <= {mail["message_id"] for mail in mails}
    assert {mail["deliveries"] for mail in mails} == {1}


async def test_no_old_fact_is_dead(upgraded: Upgraded) -> None:
    for name in IN_FLIGHT:
        await upgraded.until(name, "fulfilled")
    letters = [
        letter
        for service in SERVICES
        for letter in upgraded.staff("GET", f"/api/v1/staff/dead-letters/{service}")["data"]
        if letter["queue"] != "jobs"
    ]
    assert letters == []
