import asyncio
import itertools
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.support.use_cases.forgetting import forget_sent_mails
from shared.kernel import new_id
from shared.kernel.ids import uuid7
from tests.api.support.conftest import Customer, Support
from tests.support.callers import bearer, staff


async def test_a_new_service_is_welcomed_once(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    event = ada.activated()
    delivered = await support.hear(event)
    await support.hear(event, delivered)  # the broker delivers it again
    await support.hear(ada.activated(version=3))  # and provisioning announces it anew
    assert set(await support.fact_states()) == {"done"}
    mails = await support.notifications()
    assert [(mail.dedupe_key, mail.template) for mail in mails] == [(f"welcome:{ada.service_id}", "welcome_vps")]
    assert mails[0].recipient == "ada@example.com"
    assert mails[0].context["ipv4"] == "203.0.113.7"


async def test_other_products_get_a_welcome_that_fits_them(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    await support.hear(ada.activated(product_type="hosting", ipv4=None))
    assert [mail.template for mail in await support.notifications()] == ["welcome_service"]


async def test_a_paid_invoice_gets_one_receipt(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    event = ada.paid()
    await asyncio.gather(*(support.hear(event, identity) for identity in [uuid7()] * 4 + [uuid7()]))
    assert set(await support.fact_states()) == {"done"}
    assert [mail.dedupe_key for mail in await support.notifications()] == [f"receipt:{event.invoice_id}"]


async def test_each_verification_is_mailed_once_without_any_secret(support: Support, ada: Customer) -> None:
    for purpose in ("verify_email", "reset_password", "already_registered"):
        event = ada.asked_to_verify(purpose=purpose)
        await support.hear(event)
        await support.hear(event)
    mails = await support.notifications()
    assert [mail.template for mail in mails] == ["verify_email", "reset_password", "already_registered"]
    for mail in mails:
        assert set(mail.context) == {"verification_id"}


async def test_a_failed_resource_opens_one_ticket_with_calm_words_and_a_note_for_staff(
    support: Support, ada: Customer
) -> None:
    await support.hear(ada.registered())
    await support.hear(ada.failed())
    await support.hear(ada.failed())
    listed = (await support.call("GET", "/tickets", ada.principal)).json()["data"]
    assert len(listed) == 1
    assert listed[0]["priority"] == "high"
    assert (listed[0]["service_id"], listed[0]["service_name"]) == (ada.service_id, "web-1.example.com")
    seen = await support.call("GET", f"/tickets/{listed[0]['id']}", ada.principal)
    assert "local-lvm" not in seen.text
    assert [message["author"]["kind"] for message in seen.json()["messages"]] == ["system"]
    full = await support.call("GET", f"/staff/tickets/{listed[0]['id']}", staff())
    assert "local-lvm" in full.text
    mails = await support.notifications()
    assert [(mail.template, mail.dedupe_key) for mail in mails] == [("delivery_delayed", f"delayed:{ada.service_id}")]
    assert "local-lvm" not in str(mails[0].context)


async def test_a_later_failure_of_the_resource_is_a_new_ticket_but_no_new_mail(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    await support.hear(ada.failed(version=1))
    await support.hear(ada.failed(version=3))
    assert len((await support.call("GET", "/tickets", ada.principal)).json()["data"]) == 2
    assert len(await support.notifications()) == 1


async def test_the_same_failure_told_at_once_by_many_opens_one_ticket(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    await asyncio.gather(*(support.hear(ada.failed(version=1, order_id=new_id("ord"))) for _ in range(5)))
    await support.retry_facts()
    assert set(await support.fact_states()) == {"done"}
    assert len((await support.call("GET", "/tickets", ada.principal)).json()["data"]) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_facts_may_arrive_in_any_order(support: Support, ada: Customer, order: tuple[int, ...]) -> None:
    facts = [ada.registered(), ada.failed(version=1, name="old-name"), ada.activated(version=2), ada.paid()]
    for position in order:
        await support.hear(facts[position])
    for _ in range(2):
        await support.retry_facts()
    assert await support.fact_states() == ["done"] * 4
    assert sorted(mail.template for mail in await support.notifications()) == [
        "delivery_delayed",
        "receipt",
        "welcome_vps",
    ]
    tickets = (await support.call("GET", "/tickets", ada.principal)).json()["data"]
    assert [ticket["service_name"] for ticket in tickets] == ["web-1.example.com"]


async def test_a_fact_about_an_unknown_account_waits_and_loses_nothing(support: Support, ada: Customer) -> None:
    await support.hear(ada.activated())
    assert await support.fact_states() == ["ready"]
    assert await support.notifications() == []
    await support.hear(ada.registered())
    await support.retry_facts()
    assert await support.fact_states() == ["done", "done"]
    assert len(await support.notifications()) == 1


async def test_what_identity_says_replaces_what_a_caller_told_of_themselves(support: Support, ada: Customer) -> None:
    ticket = await support.ticket(ada.principal)
    await support.hear(ada.registered(email="countess@example.com"))
    await support.ticket(ada.principal)
    await support.call("POST", f"/staff/tickets/{ticket['id']}/messages", staff(), json={"body": "Hi."})
    assert [mail.recipient for mail in await support.notifications()] == ["countess@example.com"]


async def test_a_system_tickets_answer_goes_to_whoever_founded_the_account(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    support.clock.advance(timedelta(days=1))
    await support.hear(ada.registered(user_id=new_id("usr"), email="second@example.com"))
    await support.hear(ada.failed())
    ticket = (await support.call("GET", "/tickets", ada.principal)).json()["data"][0]
    await support.call("POST", f"/staff/tickets/{ticket['id']}/messages", staff(), json={"body": "Fixed."})
    assert {mail.recipient for mail in await support.notifications()} == {"ada@example.com"}


async def test_mails_sent_long_ago_are_forgotten_and_dead_ones_are_not(support: Support, ada: Customer) -> None:
    for _ in range(4):
        await support.hear(ada.asked_to_verify())
    keys = [mail.dedupe_key for mail in await support.notifications()]
    async with support.database.work() as work:
        for key, state, days in zip(keys, ("done", "canceled", "dead", "done"), (91, 91, 91, 89), strict=True):
            await work.session.execute(
                text(
                    "UPDATE notifications SET state = :state, finished_at = now() - make_interval(days => :days)"
                    " WHERE dedupe_key = :key"
                ),
                {"state": state, "days": days, "key": key},
            )
    await forget_sent_mails(support.database)
    assert {mail.dedupe_key for mail in await support.notifications()} == {keys[2], keys[3]}
    for job in support.service.worker._clock_jobs:
        await job.run()


async def test_staff_see_every_mail_and_why_it_failed(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    await support.hear(ada.paid())
    listed = (await support.client.get("/api/v1/staff/notifications", headers=bearer(staff()))).json()
    assert set(listed["data"][0]) == {
        "id",
        "template",
        "recipient",
        "state",
        "created_at",
        "sent_at",
        "attempts",
        "last_error",
    }
    assert listed["data"][0]["state"] == "ready"
