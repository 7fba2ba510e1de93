"""Relays and listeners are killed as real processes: every fact has its effect, and has it once."""

import asyncio
import signal

import pytest

from shared.messaging import Message
from shared.testing import eventually
from tests.faults.messaging.parts import Post, registered
from tests.faults.messaging.process import part_process

pytestmark = pytest.mark.crash

# Handling one fact takes three statements, a commit and an acknowledgement, each with a before and an after.
PLACES = range(1, 11)
ACKNOWLEDGED = 10


@pytest.mark.fault(19)
async def test_a_relay_killed_between_publishing_and_marking_repeats_its_ids_and_the_inbox_drops_them(
    post: Post,
) -> None:
    heard: list[str] = []
    consumer = post.consumer()

    async def hear(message: Message) -> None:
        await consumer.receive(message)
        heard.append(message.id)

    await (await post.transport()).subscribe(post.queue, hear)
    await post.record(*(registered() for _ in range(10)))
    with part_process("relay", post, EZ_CRASH_AT="identity.relay.after_publish") as doomed:
        assert await asyncio.wait_for(asyncio.to_thread(doomed.wait), 60) == -signal.SIGKILL
    await eventually(lambda: post.known_is(10))
    first = list(heard)
    assert await post.outbox_states() == {"ready"}, "it died before it could mark them"

    await post.make_due()  # the dead relay's lease runs out
    with part_process("relay", post):
        await eventually(post.balanced)
    await eventually(lambda: _length(heard, 20))
    assert sorted(heard[10:]) == sorted(first)


@pytest.mark.fault(21)
@pytest.mark.parametrize("place", PLACES)
async def test_a_listener_killed_at_any_place_handles_the_fact_once_in_the_end(post: Post, place: int) -> None:
    relay = post.relay(await post.transport())
    await post.record(registered())
    await relay.relay_batch()
    with part_process("listen", post, DIE_AT=str(place)) as doomed:
        assert await asyncio.wait_for(asyncio.to_thread(doomed.wait), 60) == -signal.SIGKILL
    heard: list[str] = []
    successor = post.consumer()

    async def hear(message: Message) -> None:
        await successor.receive(message)
        heard.append(message.id)

    await (await post.transport()).subscribe(post.queue, hear)
    await eventually(post.balanced)
    if place < ACKNOWLEDGED:
        await eventually(lambda: _length(heard, 1), what="the fact delivered again")


@pytest.mark.fault(21)
async def test_the_places_at_which_a_listener_is_killed_are_all_there_are(post: Post) -> None:
    """One place further there is nothing left to be killed at: the listener has handled the fact and lives."""
    relay = post.relay(await post.transport())
    await post.record(registered())
    await relay.relay_batch()
    with part_process("listen", post, DIE_AT=str(PLACES.stop)) as survivor:
        await eventually(post.balanced)
        await asyncio.to_thread(survivor.terminate)
        assert await asyncio.to_thread(survivor.wait, 10) == -signal.SIGTERM


async def _length(heard: list[str], wanted: int) -> bool:
    assert len(heard) == wanted
    return True
