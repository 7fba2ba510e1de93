"""The wire stays open: what older code does not understand waits, is seen by staff, and is taken after the upgrade."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, text

from ez.services import compose
from services.support import main as support_main
from services.support.adapters.tables import plumbing
from services.support.consumers import handlers
from shared.contracts import EVENTS, SUBSCRIPTIONS, Event
from shared.contracts.identity import UserRegistered, VerificationRequested
from shared.database import DurableQueue, NotUnderstood, UnitOfWork
from shared.database.durable.queue import UNDERSTOOD_WITHIN
from shared.kernel import new_id
from shared.kernel.ids import uuid7
from shared.messaging import LocalBroker, LocalTransport, Message, encode
from shared.testing import eventually
from shared.web.service import Service
from tests.support.callers import bearer, staff
from tests.support.database import TestDatabase
from tests.support.house import house_environment
from tests.support.plumbing import Schema, schema

__all__ = ["schema"]

PRAISED = "identity.person.praised.v1"
LIST = "/api/v1/staff/dead-letters/support"


@pytest_asyncio.fixture
async def broker(fresh_database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalBroker]:
    """A bus on which the type of tomorrow is bound already, because newer code declared it."""
    with house_environment(monkeypatch, fresh_database.admin_url):
        monkeypatch.setenv("SUPPORT_DATABASE_URL", fresh_database.url("support"))
        types = {event.wire_type for event in SUBSCRIPTIONS["support"]}
        yield LocalBroker({"support": (*types, PRAISED)})


@contextlib.asynccontextmanager
async def running(broker: LocalBroker) -> AsyncIterator[Service]:
    """Support as this process's code has it, listening."""
    service = compose("support", LocalTransport(broker))
    work = asyncio.create_task(service.worker.run())
    try:
        await eventually(lambda: _is("support" in broker.receivers))
        yield service
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await service.database.close()


async def _is(value: Any) -> Any:
    return value


def registered(**changes: Any) -> UserRegistered:
    said = {"user_id": new_id("usr"), "account_id": new_id("acc"), "account_name": "A", "email": "a@example.com"}
    return UserRegistered(**{**said, "name": "Ada", "locale": "en", **changes})


def message(event: Event, **changes: bytes) -> Message:
    """The event as a newer publisher sends it: `old=b"new"` replaces bytes of the envelope."""
    event_id = uuid7()
    body = encode(event, event_id, datetime.now(UTC), None)
    for old, new in changes.items():
        assert old.encode() in body
        body = body.replace(old.encode(), new)
    return Message(str(event_id), event.wire_type, body)


def news() -> list[Message]:
    """An unknown type and an unknown value."""
    asked = VerificationRequested(
        verification_id=new_id("ver"),
        purpose="verify_email",
        user_id=new_id("usr"),
        email="a@example.com",
        name="Ada",
        locale="en",
    )
    praise = message(registered(), **{"identity.user.registered.v1": PRAISED.encode()})
    return [Message(praise.id, PRAISED, praise.body), message(asked, verify_email=b"confirm_transfer")]


async def listed(service: Service) -> dict[str, dict[str, Any]]:
    """What staff see, by label."""
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://support") as client:
        answer = await client.get(LIST, headers=bearer(staff()))
    assert answer.status_code == 200
    return {letter["label"]: letter for letter in answer.json()["data"]}


async def states(service: Service) -> dict[str, tuple[str, int]]:
    table = plumbing.inbox_table
    async with service.database.read() as session:
        rows = await session.execute(select(table.c.type, table.c.state, table.c.attempts))
        return {row.type: (row.state, row.attempts) for row in rows}


@contextlib.contextmanager
def newer_code(monkeypatch: pytest.MonkeyPatch, heard: list[Event]) -> Iterator[None]:
    """From here on this process is the next release: it knows the type, and what the value means."""

    class PersonPraised(Event, wire_type=PRAISED, subject="user_id", personal=True):
        user_id: str
        name: str

    class AskedForMore(Event, wire_type="identity.verification.requested.v1.next", subject="verification_id"):
        verification_id: str
        purpose: str

    async def hear(_work: UnitOfWork, event: Event) -> None:
        heard.append(event)

    kept = (*(event for event in SUBSCRIPTIONS["support"] if event is not VerificationRequested), AskedForMore)
    with monkeypatch.context() as patched:
        patched.setitem(EVENTS, VerificationRequested.wire_type, AskedForMore)
        patched.setitem(SUBSCRIPTIONS, "support", (*kept, PersonPraised))
        known: dict[Any, Any] = {kind: use for kind, use in handlers().items() if kind is not VerificationRequested}
        patched.setattr(support_main, "handlers", lambda: {**known, AskedForMore: hear, PersonPraised: hear})
        yield
    for wire_type in (PersonPraised.wire_type, AskedForMore.wire_type):
        EVENTS.pop(wire_type)


async def test_an_event_that_is_not_understood_waits_is_listed_and_is_handled_by_newer_code(
    broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = LocalTransport(broker)
    async with running(broker) as old:
        assert await publisher.publish([*news(), message(registered())]) == [None, None, None]
        letters = await listed(old)
        assert {label: letter["state"] for label, letter in letters.items()} == {
            PRAISED: "waiting",
            "identity.verification.requested.v1": "waiting",
        }
        assert all(letter["failure_class"] == "not_understood" for letter in letters.values())
        assert PRAISED in letters[PRAISED]["last_error"]
        assert "purpose" in letters["identity.verification.requested.v1"]["last_error"]
        assert await states(old) == {
            PRAISED: ("ready", 0),
            "identity.verification.requested.v1": ("ready", 0),
            "identity.user.registered.v1": ("done", 1),
        }
    heard: list[Event] = []
    with newer_code(monkeypatch, heard):
        async with running(broker) as new:
            await eventually(lambda: _is(len(heard) == 2))
            await eventually(lambda: _all_done(new))
            assert await listed(new) == {}
    assert sorted(event.wire_type for event in heard) == [PRAISED, "identity.verification.requested.v1.next"]


async def _all_done(service: Service) -> bool:
    assert {state for state, _attempts in (await states(service)).values()} == {"done"}
    return True


async def test_staff_can_let_a_waiting_event_be_looked_at_now(broker: LocalBroker) -> None:
    async with running(broker) as service:
        await LocalTransport(broker).publish(news()[:1])
        letter = (await listed(service))[PRAISED]
        transport = httpx.ASGITransport(service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://support") as client:
            for row_id, status in ((letter["id"], 202), (str(uuid7()), 404)):
                answer = await client.post(f"{LIST}/inbox/{row_id}/replay", headers=bearer(staff()))
                assert answer.status_code == status


async def _waiting(schema: Schema, age: str) -> DurableQueue:
    queue = schema.plumbing.inbox
    async with schema.database.work() as work:
        await queue.add(work.session, [{"id": uuid7(), "type": PRAISED, "body": b"{}"}])
        await work.session.execute(text(f"UPDATE inbox SET created_at = now() - interval '{age}'"))
    return queue


async def _fail_once(schema: Schema, queue: DurableQueue) -> tuple[str, float]:
    """Claims the row and does not understand it; its state, and the seconds until it is due again."""
    async with schema.database.work() as work:
        await work.session.execute(text("UPDATE inbox SET next_attempt_at = now()"))
    async with schema.database.work() as work:
        (item,) = await queue.claim(work.session, 1)
    async with schema.database.work() as work:
        state = await queue.fail(work.session, item, NotUnderstood("a word of tomorrow"))
        pause = await work.session.scalar(
            text("SELECT extract(epoch FROM next_attempt_at - now()) FROM inbox")  # since this transaction began
        )
    return state, float(pause or 0)


@pytest.mark.parametrize(("age", "least"), [("1 second", 60), ("10 minutes", 300), ("13 days", 450)])
async def test_waiting_to_be_understood_is_no_attempt_and_its_pauses_are_long(
    schema: Schema, age: str, least: float
) -> None:
    queue = await _waiting(schema, age)
    for _ in range(queue.max_attempts + 1):
        state, pause = await _fail_once(schema, queue)
        assert state == "ready"
        assert least <= pause < 1000
    async with schema.database.read() as session:
        assert await session.scalar(text("SELECT attempts FROM inbox")) == 0


async def test_what_nobody_understood_in_two_weeks_is_dead(schema: Schema) -> None:
    queue = await _waiting(schema, f"{UNDERSTOOD_WITHIN.days} days")
    assert (await _fail_once(schema, queue))[0] == "dead"
    async with schema.database.read() as session:
        assert await session.scalar(text("SELECT finished_at IS NOT NULL FROM inbox"))
