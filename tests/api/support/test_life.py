"""What happens to a service later on is told to its owner, once; and one switch stops all mail."""

from datetime import UTC, datetime

from sqlalchemy import text

from shared.contracts.billing import SubscriptionPastDue
from shared.contracts.identity import AccountDescribed
from shared.contracts.provisioning import (
    AttributeFact,
    ResourceResumed,
    ResourceSuspended,
    ResourceTerminated,
)
from shared.kernel import new_id
from shared.testing import eventually
from tests.api.support.conftest import Customer, Inbox, Support
from tests.support.callers import bearer, staff

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def _about(ada: Customer, version: int) -> dict[str, object]:
    return {
        "resource_id": ada.service_id,
        "entitlement_id": new_id("ent"),
        "order_id": new_id("ord"),
        "account_id": ada.account_id,
        "name": "web-1",
        "version": version,
    }


async def test_each_change_of_a_service_is_told_once(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    facts = (
        ResourceSuspended.model_validate({**_about(ada, 3), "reason": "An invoice is unpaid."}),
        ResourceResumed.model_validate(_about(ada, 4)),
        ResourceSuspended.model_validate({**_about(ada, 5), "reason": "Abuse."}),
        ResourceTerminated.model_validate({**_about(ada, 6), "reason": "canceled", "removed_at": NOW}),
        ResourceTerminated.model_validate({**_about(ada, 7), "reason": "canceled", "removed_at": None}),
    )
    for fact in facts:
        await support.hear(fact)
        await support.hear(fact)
    told = [(mail.template, mail.context.get("reason")) for mail in await support.notifications()]
    assert sorted(told, key=str) == [
        ("service_ended", None),
        ("service_resumed", None),
        ("service_suspended", "Abuse."),
        ("service_suspended", "An invoice is unpaid."),
    ]


async def test_a_failed_renewal_is_told_once_per_failure(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    fact = SubscriptionPastDue(
        subscription_id=new_id("grp"),
        order_id=new_id("ord"),
        account_id=ada.account_id,
        item_ids=(),
        code="expired_card",
        message="The card has expired.",
        failed_at=NOW,
    )
    await support.hear(fact)
    await support.hear(fact)
    assert [mail.context["message"] for mail in await support.notifications()] == ["The card has expired."]


async def test_a_welcome_tells_the_address_and_how_to_get_in(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    attribute = AttributeFact(key="ipv4", label="IPv4 address", value="203.0.113.7")
    await support.hear(ada.activated(attributes=(attribute,), access=("Sign in with: ssh root@203.0.113.7",)))
    mail = (await support.notifications())[0]
    assert mail.template == "welcome_service"
    assert mail.context["access"] == ["Sign in with: ssh root@203.0.113.7"]


async def test_the_switch_stops_all_mail_and_loses_none(support: Support, inbox: Inbox, ada: Customer) -> None:
    path, caller = "/staff/switches/mail", staff("operations")
    stopped = await support.call("PUT", path, caller, json={"engaged": True, "reason": "A template is broken"})
    assert (stopped.status_code, stopped.json()["engaged"], stopped.json()["by"]) == (200, True, caller.subject)
    await support.hear(ada.registered())
    await support.hear(ada.paid())
    await support.deliver()
    assert inbox.received == []
    row = (await support.notifications())[0]
    assert (row.state, row.attempts, row.last_error) == ("ready", 0, None)
    await support.call("PUT", path, caller, json={"engaged": False, "reason": "Mended"})
    async with support.database.read() as session:
        turns = await session.execute(text('SELECT engaged, "by", reason FROM switch_history ORDER BY id'))
    assert [tuple(turn) for turn in turns] == [
        (True, caller.subject, "A template is broken"),
        (False, caller.subject, "Mended"),
    ]
    await eventually(lambda: _delivered(support, inbox))
    assert len(inbox.received) == 1


async def _delivered(support: Support, inbox: Inbox) -> bool:
    """A worker goes by what it read of the switch for half a second."""
    await support.deliver(now=True)
    return bool(inbox.received)


async def test_only_some_staff_may_turn_the_switch_and_a_reason_is_demanded(support: Support) -> None:
    path = "/staff/switches/mail"
    refused = await support.call("PUT", path, staff("support"), json={"engaged": True, "reason": "because"})
    assert refused.status_code == 403
    refused = await support.call("PUT", path, staff(), json={"engaged": True, "reason": ""})
    assert refused.status_code == 422


async def test_staff_see_whose_a_ticket_is(support: Support, ada: Customer) -> None:
    await support.hear(
        AccountDescribed(
            account_id=ada.account_id,
            account_name="Analytical Engines",
            owner_name="Ada Lovelace",
            owner_email="ada@example.com",
            described_at=NOW,
        )
    )
    await support.ticket(ada.principal)
    answer = await support.client.get("/api/v1/staff/tickets", headers=bearer(staff("support")))
    assert answer.json()["data"][0]["customer"] == {
        "account_id": ada.account_id,
        "name": "Ada Lovelace",
        "email": "ada@example.com",
    }
    overview = await support.client.get("/api/v1/staff/overview/support", headers=bearer(staff("support")))
    assert overview.json()["open_tickets"] == 1
