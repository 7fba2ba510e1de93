"""Facts of one subject leave in the order in which they were recorded, however many relays carry them."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import pytest

from shared.contracts.base import Event
from shared.contracts.identity import UserRegistered
from shared.kernel import ids, new_id
from shared.messaging import Message, NotConfirmed, RabbitTransport, Relay, decode
from shared.testing import eventually
from tests.faults.messaging.parts import Post, registered

pytestmark = pytest.mark.fault(20)

SUBJECTS, FACTS = 12, 8


class Moody:
    """A transport of which a seeded share of publishes fails: before the broker has the fact, or after."""

    connected = True

    def __init__(self, inner: RabbitTransport, seed: int) -> None:
        self._inner = inner
        self._random = random.Random(seed)
        self.failed = 0

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        moods = [self._random.random() for _ in messages]
        passed = [message for message, mood in zip(messages, moods, strict=True) if mood > 0.15]
        outcomes = dict(zip((message.id for message in passed), await self._inner.publish(passed), strict=True))
        self.failed += sum(mood <= 0.3 for mood in moods)
        return [
            NotConfirmed("in a mood") if mood <= 0.3 else outcomes[message.id]
            for message, mood in zip(messages, moods, strict=True)
        ]


class Ear:
    """What arrived, by subject, each fact at its first arrival."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self.heard: dict[str, list[str]] = defaultdict(list)

    async def __call__(self, message: Message) -> None:
        if message.id in self._seen:
            return
        self._seen.add(message.id)
        fact = decode(message.body).event()
        assert isinstance(fact, UserRegistered)
        self.heard[fact.user_id].append(fact.name)

    async def has(self, count: int) -> bool:
        assert len(self._seen) == count
        return True


async def relays(post: Post, seed: int) -> list[Relay]:
    """Two relays with connections of their own, as two processes have them."""
    made = []
    for number in range(2):
        moody = Moody(await post.transport(), seed + number)
        made.append(post.relay(moody, post.publisher_database(), batch=7))  # type: ignore[arg-type]  # only publish
    return made


async def drain(relays: Sequence[Relay], ear: Ear, count: int) -> None:
    running = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        await eventually(lambda: ear.has(count))
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_relays_and_failing_publishes_keep_the_order_of_each_subject(post: Post, seed: int) -> None:
    ear = Ear()
    await (await post.transport(prefetch=1)).subscribe(post.queue, ear)
    users = [new_id("usr") for _ in range(SUBJECTS)]
    for number in range(FACTS):
        await post.record(*(registered(user, str(number)) for user in users))
    await drain(await relays(post, seed), ear, SUBJECTS * FACTS)
    assert ear.heard == {user: [str(number) for number in range(FACTS)] for user in users}


async def test_facts_recorded_while_the_relays_run_keep_the_order_of_each_subject(post: Post) -> None:
    ear = Ear()
    await (await post.transport(prefetch=1)).subscribe(post.queue, ear)
    users = [new_id("usr") for _ in range(SUBJECTS)]
    carrying = asyncio.create_task(drain(await relays(post, 4), ear, SUBJECTS * FACTS))

    async def live(user: str) -> None:
        for number in range(FACTS):
            await post.record(registered(user, str(number)))

    await asyncio.gather(*(live(user) for user in users))
    await carrying
    assert ear.heard == {user: [str(number) for number in range(FACTS)] for user in users}


async def test_several_facts_of_one_change_keep_their_order(post: Post) -> None:
    ear = Ear()
    await (await post.transport(prefetch=1)).subscribe(post.queue, ear)
    user = new_id("usr")
    await post.record(*(registered(user, str(number)) for number in range(30)))
    await drain(await relays(post, 5), ear, 30)
    assert ear.heard == {user: [str(number) for number in range(30)]}


async def test_a_fact_that_cannot_be_sent_holds_back_its_own_subject_only(post: Post) -> None:
    ear = Ear()
    transport = await post.transport(prefetch=1)
    await transport.subscribe(post.queue, ear)
    stuck, free = new_id("usr"), new_id("usr")
    for number in range(5):
        await post.record(registered(stuck, str(number)), registered(free, str(number)))
    blocked = str(next(row["id"] for row in await post.sent() if row["subject"] == stuck))

    class Refusing:
        connected, refuse = True, True

        async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
            passed = [message for message in messages if not (self.refuse and message.id == blocked)]
            outcomes = dict(zip((message.id for message in passed), await transport.publish(passed), strict=True))
            return [outcomes.get(message.id, NotConfirmed("refused")) for message in messages]

    wire = Refusing()
    relay = asyncio.create_task(post.relay(wire).run())  # type: ignore[arg-type]  # only publish
    try:
        await eventually(lambda: ear.has(5))
        assert dict(ear.heard) == {free: [str(number) for number in range(5)]}
        wire.refuse = False
        await eventually(lambda: ear.has(10))
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
    assert ear.heard[stuck] == [str(number) for number in range(5)]


async def test_a_publisher_whose_clock_is_behind_does_not_overtake(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes change one thing one after the other; the second one's clock is five seconds behind."""
    ear = Ear()
    await (await post.transport(prefetch=1)).subscribe(post.queue, ear)
    user = new_id("usr")
    await post.record(registered(user, "first"))
    behind = int(timedelta(seconds=5).total_seconds() * 1000)
    made = ids.uuid7

    def late_uuid7() -> object:
        value = made()
        return type(value)(int=value.int - (behind << 80))

    monkeypatch.setattr("shared.messaging.outbox.uuid7", late_uuid7)
    await post.record(registered(user, "second"))
    rows: list[Event] = [decode(bytes(row["body"])).event() for row in await post.sent()]
    assert [getattr(fact, "name", "") for fact in rows] == ["second", "first"], "the ids are in the wrong order"
    await drain(await relays(post, 6), ear, 2)
    assert ear.heard == {user: ["first", "second"]}
