"""A worker that is told to stop does stop, whatever woke it at that very moment."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.database import Claimed, DurableWorker
from shared.messaging import Message, NotConfirmed, Relay
from tests.faults.messaging.parts import Post
from tests.support.database import TestDatabase


class Silence:
    """A transport for relays with nothing to send."""

    connected = True

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        """See Transport."""
        return [None for _ in messages]


async def _nothing(_claimed: Claimed) -> None:
    return None


@pytest.mark.parametrize("part", ["worker", "relay"])
@pytest.mark.parametrize("ticks", range(5), ids="{}_ticks_later".format)
async def test_a_wake_up_call_does_not_swallow_the_order_to_stop(
    fresh_database: TestDatabase, part: str, ticks: int
) -> None:
    post = Post(fresh_database, "amqp://127.0.0.1:1/")
    waiting: DurableWorker | Relay = (
        DurableWorker(post.support, post.inbox, _nothing, poll=3600)
        if part == "worker"
        else post.relay(Silence(), poll=3600)  # type: ignore[arg-type]  # only publish
    )
    running = asyncio.create_task(waiting.run())
    while not waiting._wake._waiters:  # it has found nothing, and waits
        await asyncio.sleep(0.01)
    waiting._wake.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await post.close()
    assert done
