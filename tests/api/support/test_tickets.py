import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.support.main import create_service
from shared.kernel import new_id
from shared.messaging import LocalBroker, LocalTransport
from tests.api.support.conftest import Customer, Support, settings
from tests.support.callers import bearer, customer, service_bearer, staff
from tests.support.database import free_port


async def test_a_customer_opens_a_ticket_and_sees_it(support: Support, ada: Customer) -> None:
    opened = await support.ticket(ada.principal, priority="high")
    assert opened["number"] == "T-100001"
    assert (opened["status"], opened["priority"]) == ("open", "high")
    assert opened["account_id"] == ada.account_id
    assert [message["author"] for message in opened["messages"]] == [{"kind": "customer", "name": "Ada Lovelace"}]
    seen = await support.call("GET", f"/tickets/{opened['id']}", ada.principal)
    assert (seen.status_code, seen.json()) == (200, opened)
    listed = (await support.call("GET", "/tickets", ada.principal)).json()
    assert listed == {
        "data": [{name: value for name, value in opened.items() if name != "messages"}],
        "next_cursor": None,
        "previous_cursor": None,
    }
    assert (await support.ticket(ada.principal))["number"] == "T-100002"


async def test_the_conversation_moves_the_status(support: Support, ada: Customer) -> None:
    ticket = await support.ticket(ada.principal)
    path, grace = f"/tickets/{ticket['id']}", staff()

    async def status() -> str:
        return str((await support.call("GET", path, ada.principal)).json()["status"])

    assert (await support.call("POST", f"{path}/messages", ada.principal, json={"body": "More."})).status_code == 201
    assert await status() == "open"
    said = await support.call("POST", f"/staff{path}/messages", grace, json={"body": "Look again."})
    assert said.status_code == 201
    assert said.json()["author"] == {"kind": "staff", "name": "Grace Hopper"}
    assert await status() == "answered"
    await support.call("POST", f"{path}/messages", ada.principal, json={"body": "Still down."})
    assert await status() == "customer_replied"
    assert (await support.call("POST", f"/staff{path}/close", grace)).json()["status"] == "closed"
    assert (await support.call("POST", f"{path}/close", ada.principal)).json()["status"] == "closed"
    await support.call("POST", f"{path}/messages", ada.principal, json={"body": "It is back."})
    assert await status() == "customer_replied"
    assert (await support.call("POST", f"{path}/close", ada.principal)).status_code == 200
    await support.call("POST", f"/staff{path}/messages", grace, json={"body": "One more thing."})
    assert await status() == "answered"


async def test_a_note_among_staff_is_hidden_from_the_customer_and_mails_nobody(support: Support, ada: Customer) -> None:
    ticket = await support.ticket(ada.principal)
    path = f"/tickets/{ticket['id']}"
    noted = await support.call("POST", f"/staff{path}/messages", staff(), json={"body": "Hm.", "internal": True})
    assert noted.json()["internal"] is True
    seen = (await support.call("GET", path, ada.principal)).json()
    assert seen["status"] == "open"
    assert [message["body"] for message in seen["messages"]] == ["Ping fails since noon."]
    assert "internal" not in seen["messages"][0]
    full = (await support.call("GET", f"/staff{path}", staff())).json()
    assert [message["body"] for message in full["messages"]] == ["Ping fails since noon.", "Hm."]
    assert await support.notifications() == []


async def test_a_service_can_be_linked_when_it_is_the_accounts_own(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    await support.hear(ada.activated())
    ticket = await support.ticket(ada.principal, service_id=ada.service_id)
    assert (ticket["service_id"], ticket["service_name"]) == (ada.service_id, "web-1.example.com")
    listed = (await support.call("GET", "/tickets", ada.principal)).json()["data"]
    assert listed[0]["service_name"] == "web-1.example.com"


async def test_a_service_of_another_account_cannot_be_linked(support: Support, ada: Customer) -> None:
    await support.hear(ada.registered())
    await support.hear(ada.activated())
    body = {"subject": "x", "body": "y", "service_id": ada.service_id}
    stranger = await support.call("POST", "/tickets", customer(), json=body)
    unknown = await support.call("POST", "/tickets", ada.principal, json={**body, "service_id": new_id("svc")})
    for answer in (stranger, unknown):
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/service_id"]
        assert "web-1" not in answer.text


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [("GET", "", None), ("POST", "/messages", {"body": "Let me in"}), ("POST", "/close", None)],
)
async def test_nobody_reaches_the_ticket_of_another_account(
    support: Support, ada: Customer, method: str, suffix: str, body: Any
) -> None:
    ticket = await support.ticket(ada.principal)
    stranger = customer()
    answer = await support.call(method, f"/tickets/{ticket['id']}{suffix}", stranger, json=body)
    missing = await support.call(method, f"/tickets/{new_id('tkt')}{suffix}", stranger, json=body)
    assert answer.status_code == missing.status_code == 404
    assert answer.json()["detail"] == missing.json()["detail"]
    assert (await support.call("GET", "/tickets", stranger)).json()["data"] == []
    after = (await support.call("GET", f"/tickets/{ticket['id']}", ada.principal)).json()
    assert after == ticket


async def test_a_cursor_of_another_account_opens_nothing(support: Support, ada: Customer) -> None:
    for _ in range(3):
        await support.ticket(ada.principal)
    cursor = (await support.call("GET", "/tickets?limit=1", ada.principal)).json()["next_cursor"]
    assert (await support.call("GET", f"/tickets?cursor={cursor}", customer())).json()["data"] == []
    for bad in ("cursor=!!!", "cursor=%00", "limit=0", "limit=101", "limit=ten"):
        assert (await support.call("GET", f"/tickets?{bad}", ada.principal)).status_code in (400, 422)


async def test_only_staff_reach_the_staff_routes(support: Support, ada: Customer) -> None:
    ticket = await support.ticket(ada.principal)
    routes = [
        ("GET", "/staff/tickets"),
        ("GET", f"/staff/tickets/{ticket['id']}"),
        ("POST", f"/staff/tickets/{ticket['id']}/messages"),
        ("POST", f"/staff/tickets/{ticket['id']}/close"),
        ("GET", "/staff/notifications"),
        ("GET", "/staff/dead-letters/support"),
    ]
    for method, path in routes:
        body = {"body": "hello"} if method == "POST" else None
        assert (await support.call(method, path, ada.principal, json=body)).status_code == 403
        assert (await support.client.request(method, f"/api/v1{path}", json=body)).status_code == 401
        ours = service_bearer("gateway", "support")
        assert (await support.client.request(method, f"/api/v1{path}", json=body, headers=ours)).status_code == 403


async def test_a_role_that_may_only_read_cannot_write(support: Support, ada: Customer) -> None:
    ticket = await support.ticket(ada.principal)
    reader = customer(ada.account_id, role="read_only")
    assert (await support.call("GET", f"/tickets/{ticket['id']}", reader)).status_code == 200
    for path, body in (
        ("/tickets", {"subject": "x", "body": "y"}),
        (f"/tickets/{ticket['id']}/messages", {"body": "y"}),
        (f"/tickets/{ticket['id']}/close", None),
    ):
        assert (await support.call("POST", path, reader, json=body)).status_code == 403


async def test_staff_find_tickets_by_status(support: Support, ada: Customer) -> None:
    first, second = await support.ticket(ada.principal), await support.ticket(customer())
    await support.call("POST", f"/staff/tickets/{first['id']}/close", staff())

    async def found(query: str) -> list[str]:
        listed = await support.call("GET", f"/staff/tickets{query}", staff())
        return [ticket["id"] for ticket in listed.json()["data"]]

    assert await found("") == [second["id"], first["id"]]
    assert await found("?status=closed") == [first["id"]]
    assert await found("?status=open") == [second["id"]]
    for bad in ("?status=lost", "?status=open'--", "?limit=0"):
        assert (await support.call("GET", f"/staff/tickets{bad}", staff())).status_code == 422


async def test_the_same_key_opens_one_ticket_however_often_it_is_sent(support: Support, ada: Customer) -> None:
    body = {"subject": "x", "body": "y"}
    headers = {"Idempotency-Key": "a-key-of-the-client"}
    answers = await asyncio.gather(
        *(support.call("POST", "/tickets", ada.principal, json=body, headers=headers) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await support.call("POST", "/tickets", ada.principal, json={**body, "body": "z"}, headers=headers)
    assert other.json()["type"].endswith("/idempotency-key-reused")


async def test_line_breaks_of_a_browser_are_kept_as_plain_ones(support: Support, ada: Customer) -> None:
    ticket = await support.ticket(ada.principal, body="One\r\nTwo\r\n\r\nThree")
    assert ticket["messages"][0]["body"] == "One\nTwo\n\nThree"


async def test_what_people_type_comes_back_as_it_was(support: Support, ada: Customer) -> None:
    nasty = "<script>alert(1)</script> {{ 7 * 7 }} %s ' OR 1=1 -- 🙂"
    ticket = await support.ticket(ada.principal, subject=nasty, body=nasty)
    assert (ticket["subject"], ticket["messages"][0]["body"]) == (nasty, nasty)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"subject": ""}, "/subject"),
        ({"subject": "   "}, "/subject"),
        ({"subject": "x" * 201}, "/subject"),
        ({"subject": "a\nb"}, "/subject"),
        ({"subject": "a\u0000b"}, "/subject"),
        ({"subject": 7}, "/subject"),
        ({"body": ""}, "/body"),
        ({"body": "x" * 10_001}, "/body"),
        ({"body": "a\u0007b"}, "/body"),
        ({"body": None}, "/body"),
        ({"body": ["x"]}, "/body"),
        ({"priority": "urgent"}, "/priority"),
        ({"priority": 1}, "/priority"),
        ({"service_id": "svc_x"}, "/service_id"),
        ({"service_id": "' OR 1=1"}, "/service_id"),
        ({"service_id": 10**30}, "/service_id"),
        ({"status": "closed"}, "/status"),
        ({"account_id": "acc_01h455vb4pex5vsknk084sn02q"}, "/account_id"),
        ({"internal": True}, "/internal"),
        ({"author": {"kind": "staff", "name": "Grace"}}, "/author"),
    ],
)
async def test_bad_tickets_are_refused_and_the_field_is_named(
    support: Support, ada: Customer, change: dict[str, Any], pointer: str
) -> None:
    body = {"subject": "x", "body": "y", **change}
    answer = await support.call("POST", "/tickets", ada.principal, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_customer_cannot_write_an_internal_note(support: Support, ada: Customer) -> None:
    ticket = await support.ticket(ada.principal)
    body = {"body": "x", "internal": True}
    answer = await support.call("POST", f"/tickets/{ticket['id']}/messages", ada.principal, json=body)
    assert answer.status_code == 422


@pytest.mark.parametrize("ticket_id", ["x", "tkt_", "ord_01h455vb4pex5vsknk084sn02q", "%00", "tkt_" + "9" * 26])
async def test_an_id_that_cannot_be_is_not_found(support: Support, ada: Customer, ticket_id: str) -> None:
    assert (await support.call("GET", f"/tickets/{ticket_id}", ada.principal)).status_code == 404


async def test_an_answer_is_mailed_to_whoever_opened_the_ticket(support: Support, ada: Customer) -> None:
    ticket = await support.ticket(ada.principal)
    support.clock.advance(timedelta(minutes=5))
    said = await support.call("POST", f"/staff/tickets/{ticket['id']}/messages", staff(), json={"body": "Try now."})
    mail = (await support.notifications())[0]
    assert (mail.template, mail.recipient) == ("ticket_reply", "ada@example.com")
    assert mail.dedupe_key == f"ticket-reply:{said.json()['id']}"
    assert mail.context["body"] == "Try now."


async def test_while_the_database_is_away_the_answer_says_when_to_try_again() -> None:
    url = f"postgresql://ez_support:x@127.0.0.1:{free_port()}/ez"
    service = create_service(settings(url, 25), LocalTransport(LocalBroker()))
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://support") as client:
        answer = await client.get("/api/v1/tickets", headers=bearer(customer()))
    await service.database.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
