"""Outbox and inbox: a fact leaves if its change committed, and has its effect once however often it arrives."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from shared.contracts import SUBSCRIPTIONS, identity
from shared.database import UnitOfWork
from shared.kernel import new_id
from shared.messaging import Consumer, Message, NotConfirmed, Relay, encode
from shared.testing import eventually
from tests.support.plumbing import Schema, schema

__all__ = ["schema"]


def _event() -> identity.UserRegistered:
    return identity.UserRegistered(
        user_id=new_id("usr"), account_id=new_id("acc"), account_name="A", email="a@example.com", name="A", locale="en"
    )


def _message(event: Any = None, event_id: uuid.UUID | None = None) -> Message:
    event = event or _event()
    event_id = event_id or uuid.uuid4()
    return Message(str(event_id), event.wire_type, encode(event, event_id, datetime.now(UTC), None))


def _consumer(schema: Schema, handle: Callable[[UnitOfWork, Any], Any]) -> Consumer:
    async def ignore(_work: UnitOfWork, _event: Any) -> None:
        return None

    handlers: dict[Any, Any] = dict.fromkeys(SUBSCRIPTIONS["support"], ignore) | {identity.UserRegistered: handle}
    return Consumer("support", schema.database, schema.plumbing.inbox, handlers)


async def _inbox(schema: Schema) -> list[Any]:
    async with schema.database.read() as session:
        return list((await session.execute(select(schema.plumbing.inbox_table))).mappings())


async def _outbox(schema: Schema) -> list[Any]:
    table = schema.plumbing.outbox_table
    async with schema.database.read() as session:
        return list((await session.execute(select(table).order_by(table.c.id))).mappings())


class Effects:
    """A handler that leaves a trace in the database, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.calls = 0
        self.failures = failures

    async def __call__(self, work: UnitOfWork, event: Any) -> None:
        self.calls += 1
        work.publish(_event())
        await work.session.flush()
        if self.failures > 0:
            self.failures -= 1
            raise RuntimeError("not now")


async def test_twenty_deliveries_at_once_have_one_effect(schema: Schema) -> None:
    consumer, message = _consumer(schema, Effects()), _message()
    await asyncio.gather(*(consumer.receive(message) for _ in range(20)))
    assert len(await _outbox(schema)) == 1
    assert [row["state"] for row in await _inbox(schema)] == ["done"]


@pytest.mark.bug("dotnet/eShop")
async def test_a_failed_handler_leaves_no_effect_and_keeps_its_fact(schema: Schema) -> None:
    effects = Effects(failures=1)
    consumer = _consumer(schema, effects)
    await consumer.receive(_message())
    assert await _outbox(schema) == []
    (row,) = await _inbox(schema)
    assert (row["state"], row["attempts"]) == ("ready", 1)
    assert "not now" in row["last_error"]


@pytest.mark.bug("frappe/payments #240")
async def test_a_fact_whose_handler_failed_is_retried_and_not_swallowed_as_a_duplicate(schema: Schema) -> None:
    consumer, message = _consumer(schema, Effects(failures=1)), _message()
    await consumer.receive(message)
    await consumer.receive(message)  # a redelivery must not pass for the success that did not happen
    assert await _outbox(schema) == []
    async with schema.database.work() as work:
        await work.session.execute(text("UPDATE support.inbox SET next_attempt_at = now() - interval '1 second'"))
    async with schema.database.work() as work:
        (claimed,) = await schema.plumbing.inbox.claim(work.session, 5)
    await consumer.retry(claimed)
    assert len(await _outbox(schema)) == 1
    assert [row["state"] for row in await _inbox(schema)] == ["done"]


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b'{"id": "x"}', b"\xff\xfe", b'{"id":"0190","type":"t","data":[]}']
)
async def test_what_is_no_envelope_is_set_aside_where_staff_see_it(schema: Schema, body: bytes) -> None:
    consumer = _consumer(schema, Effects())
    for _ in range(2):
        await consumer.receive(Message("x", "identity.user.registered.v1", body))
    (row,) = await _inbox(schema)
    assert (row["state"], row["failure_class"]) == ("dead", "permanent")


@pytest.mark.fault(23)
async def test_unknown_fields_are_ignored_and_what_lacks_one_waits_for_newer_code(schema: Schema) -> None:
    effects = Effects()
    consumer = _consumer(schema, effects)
    good = _message()
    await consumer.receive(Message(good.id, good.wire_type, good.body.replace(b'"name":', b'"added_later":1,"name":')))
    bad = _message()
    await consumer.receive(Message(bad.id, bad.wire_type, bad.body.replace(b'"email":', b'"mail":')))
    rows = sorted((row["state"], row["failure_class"], row["attempts"]) for row in await _inbox(schema))
    assert (effects.calls, rows) == (1, [("done", None, 1), ("ready", "not_understood", 0)])


def test_handlers_must_cover_exactly_the_subscriptions(schema: Schema) -> None:
    with pytest.raises(ValueError, match="differ"):
        Consumer("support", schema.database, schema.plumbing.inbox, {})


class Wire:
    """A transport that records what it was given and confirms what it is told to."""

    connected = True

    def __init__(self, confirm: Callable[[Message], bool] = lambda _message: True) -> None:
        self.sent: list[Message] = []
        self._confirm = confirm

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        self.sent.extend(messages)
        return [None if self._confirm(message) else NotConfirmed("no") for message in messages]


def _relay(schema: Schema, wire: Any) -> Relay:
    return Relay(schema.database, schema.plumbing.outbox, wire, batch=10)


async def _publish(schema: Schema, count: int = 1) -> None:
    async with schema.database.work() as work:
        for _ in range(count):
            work.publish(_event())


async def test_a_rolled_back_change_publishes_nothing(schema: Schema) -> None:
    with pytest.raises(RuntimeError):
        async with schema.database.work() as work:
            work.publish(_event())
            await work.session.flush()
            raise RuntimeError("changed my mind")
    assert await _outbox(schema) == []


@pytest.mark.fault(18)
async def test_unconfirmed_facts_stay_and_are_sent_again_under_the_same_id(schema: Schema) -> None:
    await _publish(schema, 3)
    refuse = Wire(lambda _message: False)
    await _relay(schema, refuse).relay_batch()
    assert {row["state"] for row in await _outbox(schema)} == {"ready"}
    async with schema.database.work() as work:
        await work.session.execute(text("UPDATE support.outbox SET next_attempt_at = now() - interval '1 second'"))
    accept = Wire()
    await _relay(schema, accept).relay_batch()
    assert {message.id for message in accept.sent} == {message.id for message in refuse.sent}
    assert {row["state"] for row in await _outbox(schema)} == {"done"}


@pytest.mark.fault(19)
async def test_a_relay_that_dies_after_publishing_repeats_the_same_ids(schema: Schema) -> None:
    await _publish(schema, 2)
    async with schema.database.work() as work:  # claimed and published, then the process was gone
        lost = await schema.plumbing.outbox.claim(work.session, 10)
        await work.session.execute(text("UPDATE support.outbox SET next_attempt_at = now() - interval '1 second'"))
    wire = Wire()
    await _relay(schema, wire).relay_batch()
    assert {message.id for message in wire.sent} == {str(item.id) for item in lost}


@pytest.mark.fault(20)
async def test_two_relays_skip_nothing_when_a_lower_id_commits_late(schema: Schema) -> None:
    wire = Wire()
    early = schema.database.work()
    work = await early.__aenter__()
    work.publish(_event())
    await work.before_commit()
    await _publish(schema, 5)
    relays = [_relay(schema, wire) for _ in range(2)]
    await asyncio.gather(*(relay.relay_batch() for relay in relays))
    await early.__aexit__(None, None, None)
    await asyncio.gather(*(relay.relay_batch() for relay in relays))
    ids = [message.id for message in wire.sent]
    assert len(ids) == len(set(ids)) == 6


async def test_a_commit_wakes_the_relay(schema: Schema) -> None:
    from shared.database import Listener

    listener, wire = Listener(schema.database.url, "support", "outbox"), Wire()
    relay = Relay(schema.database, schema.plumbing.outbox, wire, poll=3600)  # type: ignore[arg-type]
    relay.listen(listener)
    listener.start()
    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0.5)
    await _publish(schema)
    await eventually(lambda: _async(wire.sent))
    running.cancel()
    await listener.stop()


async def _async(value: Any) -> Any:
    return value


@pytest.mark.fault(25)
async def test_deadlocks_are_tried_again_inside(schema: Schema) -> None:
    tries = 0

    async def change(work: UnitOfWork) -> str:
        nonlocal tries
        tries += 1
        work.publish(_event())
        if tries < 3:
            await work.session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '40P01'; END $$"))
        return "done"

    assert await schema.database.run(change) == "done"
    assert tries == 3
    assert len(await _outbox(schema)) == 1


async def test_any_other_database_error_is_raised_at_once(schema: Schema) -> None:
    tries = 0

    async def change(work: UnitOfWork) -> None:
        nonlocal tries
        tries += 1
        await work.session.execute(text("SELECT 1/0"))

    with pytest.raises(DBAPIError):
        await schema.database.run(change)
    assert tries == 1
