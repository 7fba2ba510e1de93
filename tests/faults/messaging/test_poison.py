"""What cannot be handled, or not yet, is set aside where staff see it, and everything behind it flows."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import aio_pika
import orjson
import pytest

from shared.contracts.identity import UserRegistered
from shared.database import DurableWorker, UnitOfWork
from shared.kernel.ids import uuid7
from shared.messaging import Message, RabbitTransport, encode
from shared.messaging.transports import rabbitmq
from shared.testing import eventually
from tests.faults.messaging.parts import Post, registered

pytestmark = pytest.mark.fault(23)


async def put(transport: RabbitTransport, body: bytes, message_id: str = "poison") -> None:
    """Puts a message on the bus that no relay of ours would send."""
    kind = UserRegistered.wire_type
    assert await transport.publish([Message(message_id, kind, body)]) == [None]


def envelope(**changes: Any) -> bytes:
    """A good fact's envelope, spoiled."""
    fact = registered()
    whole: dict[str, Any] = orjson.loads(encode(fact, uuid7(), datetime.now(UTC), None))
    return orjson.dumps({**whole, **changes})


async def settled(post: Post, *wanted: str) -> bool:
    assert sorted(row["state"] for row in await post.received()) == sorted(wanted)
    return True


POISON = {
    "empty": b"",
    "no JSON": b"\x80garbage",
    "JSON of another shape": b"[1, 2]",
    "without an id": envelope(id=None),
    "an id that is no UUID": envelope(id="one"),
    "a payload that is no object": envelope(data=[1]),
    "deeply nested": b'{"id":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}
# What a newer publisher may say while this listener is still the old one.
NEWS = {
    "a type of the next version": envelope(type="identity.user.registered.v2"),
    "a type nobody knows": envelope(type="identity.user.teleported.v1"),
    "a payload of another version": envelope(data={"user": {"id": "usr_1"}}),
}


async def handled_around(post: Post, body: bytes, state: str) -> dict[str, Any]:
    """Sends it between two good facts, which must be handled; returns its row once it is in this state."""
    transport = await post.transport(prefetch=1)
    relay = post.relay(transport)
    await post.record(registered())
    await relay.relay_batch()
    await put(transport, body)
    await post.record(registered())
    await relay.relay_batch()
    await transport.subscribe(post.queue, post.consumer().receive)
    await eventually(lambda: settled(post, state, "done", "done"))
    assert await post.known() == 2
    (kept,) = [row for row in await post.received() if row["state"] == state]
    assert kept["last_error"]
    assert bytes(kept["body"]) == body
    return kept


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
async def test_poison_is_dead_at_once_and_the_facts_around_it_are_handled(post: Post, body: bytes) -> None:
    dead = await handled_around(post, body, "dead")
    assert dead["failure_class"] == "permanent"
    assert dead["finished_at"]


@pytest.mark.parametrize("body", NEWS.values(), ids=NEWS)
async def test_what_newer_code_may_know_waits_and_the_facts_around_it_are_handled(post: Post, body: bytes) -> None:
    waiting = await handled_around(post, body, "ready")
    assert (waiting["failure_class"], waiting["attempts"]) == ("not_understood", 0)


async def test_fields_added_later_are_ignored_by_an_older_listener(post: Post) -> None:
    transport = await post.transport()
    await transport.subscribe(post.queue, post.consumer().receive)
    fact = orjson.loads(encode(registered(), uuid7(), datetime.now(UTC), None))
    newer = {**fact, "sequence": "7", "data": {**fact["data"], "marketing": {"opted_in": False}}}
    await put(transport, orjson.dumps(newer), fact["id"])
    await eventually(lambda: settled(post, "done"))
    assert await post.known() == 1


async def test_a_fact_whose_handler_never_succeeds_ends_dead_and_can_be_replayed(post: Post) -> None:
    broken = registered(name="broken")
    mended = False

    async def handle(work: UnitOfWork, fact: UserRegistered) -> None:
        if fact.name == "broken" and not mended:
            raise RuntimeError("always")

    consumer = post.consumer({UserRegistered: handle})
    post.inbox.max_attempts = 3
    transport = await post.transport()
    await transport.subscribe(post.queue, consumer.receive)
    relay = post.relay(transport)
    retrying = asyncio.create_task(DurableWorker(post.support, post.inbox, consumer.retry, poll=0.05).run())
    try:
        await post.record(registered(), broken, registered())
        await relay.relay_batch()
        await eventually(lambda: settled(post, "dead", "done", "done"))
        mended = True
        (dead,) = [row for row in await post.received() if row["state"] == "dead"]
        assert dead["attempts"] == 3
        async with post.support.work() as work:
            assert await post.inbox.replay(work.session, dead["id"])
        await eventually(lambda: settled(post, "done", "done", "done"))
    finally:
        retrying.cancel()
        await asyncio.gather(retrying, return_exceptions=True)


async def test_a_message_that_breaks_its_listener_every_time_goes_to_the_dead_queue_and_others_flow(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No ordinary failure comes here, because the inbox keeps those; this is what would kill the listener itself."""
    monkeypatch.setattr(rabbitmq, "_DELIVERY_LIMIT", 2)
    transport = await post.transport()
    consumer, deliveries = post.consumer(), 0
    poison = f"poison-{uuid.uuid4()}"

    async def receive(message: Message) -> None:
        nonlocal deliveries
        if message.id == poison:
            deliveries += 1
            raise MemoryError
        await consumer.receive(message)

    await transport.subscribe(post.queue, receive)
    await put(transport, b"{}", poison)
    await post.record(registered(), registered())
    await post.relay(transport).relay_batch()
    await eventually(post.balanced)
    connection = await aio_pika.connect(post.broker_url)
    async with connection:
        dead = await (await connection.channel()).get_queue(rabbitmq.DEAD_EXCHANGE)

        async def buried() -> bool:
            found = await dead.get(fail=False)
            if found is None:
                return False
            await found.ack()
            return found.message_id == poison

        await eventually(buried)
    assert deliveries == 3
