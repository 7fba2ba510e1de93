"""A slow listener, a full queue, a broker without memory or disk: everything waits, nothing is lost, and it shows."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.messaging import Message
from shared.messaging.transports import rabbitmq
from shared.telemetry import metrics
from shared.testing import eventually
from shared.web.worker import ServiceWorker
from tests.faults.messaging.node import Node
from tests.faults.messaging.parts import Post, registered

pytestmark = pytest.mark.fault(22)

HANGING = 20
ALARMS = {
    "memory": (("set_vm_memory_high_watermark", "0.000001"), ("set_vm_memory_high_watermark", "0.8")),
    "disk": (("set_disk_free_limit", "900000000000000"), ("set_disk_free_limit", "50MB")),
}


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish is given up after half a second instead of ten."""
    monkeypatch.setattr(rabbitmq, "_CONFIRM_TIMEOUT", 0.5)


@contextmanager
def alarm(node: Node, kind: str) -> Iterator[None]:
    """The broker takes no publishes meanwhile."""
    raise_, clear = ALARMS[kind]
    node.control(*raise_)
    try:
        yield
    finally:
        node.control(*clear)


async def raised(node: Node, kind: str) -> bool:
    status = await asyncio.to_thread(node.control, "eval", "rabbit_alarm:get_alarms().")
    return kind in status


async def drained(post: Post, relay: object) -> bool:
    await post.make_due()
    await relay.relay_batch()  # type: ignore[attr-defined]
    return await post.balanced()


async def test_a_slow_listener_holds_a_bounded_number_and_gets_all_of_a_large_backlog(post: Post, node: Node) -> None:
    count, prefetch = 2000, 32
    transport = await post.transport()
    relay = post.relay(transport)
    for _ in range(count // 100):
        await post.record(*(registered() for _ in range(100)))
    sent = 0
    while sent < count:
        sent += await relay.relay_batch()

    gate, in_hand, most = asyncio.Event(), 0, 0
    full = asyncio.Event()
    consumer = post.consumer()

    async def slow(message: Message) -> None:
        nonlocal in_hand, most
        in_hand += 1
        most = max(most, in_hand)
        if in_hand == prefetch:
            full.set()
        await gate.wait()
        await consumer.receive(message)
        in_hand -= 1

    await (await post.transport(prefetch=prefetch)).subscribe(post.queue, slow)
    await asyncio.wait_for(full.wait(), 60)
    await eventually(lambda: _holds(node, post, count), what="nothing acknowledged before it is handled")
    gate.set()
    await eventually(post.balanced)
    assert most == prefetch


@pytest.mark.usefixtures("short_deadline")
async def test_a_full_queue_refuses_facts_and_they_wait_in_the_outbox(post: Post, node: Node) -> None:
    transport = await post.transport()
    relay = post.relay(transport)
    limit = '{"max-length": 10, "overflow": "reject-publish"}'
    node.control("set_policy", post.queue, f"^{post.queue}", limit, "--apply-to", "queues")
    try:
        for _ in range(6):
            await post.record(*(registered() for _ in range(20)))
            assert await asyncio.wait_for(relay.relay_batch(), HANGING) > 0
        assert "ready" in await post.outbox_states()
        consumer = post.consumer()
        await transport.subscribe(post.queue, consumer.receive)
        await eventually(lambda: drained(post, relay))
    finally:
        node.control("clear_policy", post.queue)


@pytest.mark.usefixtures("short_deadline")
@pytest.mark.parametrize("kind", ALARMS)
async def test_while_the_broker_blocks_publishers_facts_wait_and_the_relay_does_not_hang(
    post: Post, node: Node, kind: str
) -> None:
    transport = await post.transport()
    relay = post.relay(transport)
    await transport.subscribe(post.queue, post.consumer().receive)
    with alarm(node, kind):
        await eventually(lambda: raised(node, kind))
        for _ in range(3):
            await post.record(*(registered() for _ in range(20)))
            assert await asyncio.wait_for(relay.relay_batch(), HANGING) > 0
        assert await post.outbox_states() == {"ready"}
        assert {row["state"] for row in await post.received()} <= {"done"}
    await eventually(lambda: drained(post, relay))


@pytest.mark.usefixtures("short_deadline")
async def test_a_blocked_publisher_can_still_empty_its_own_queue(post: Post, node: Node) -> None:
    """A worker publishes and listens. The alarm ends only when queues get shorter, so blocked workers must go on
    acknowledging."""
    transport = await post.transport()
    relay = post.relay(transport)
    gate, consumer = asyncio.Event(), post.consumer()

    async def slow(message: Message) -> None:
        await gate.wait()
        await consumer.receive(message)

    await transport.subscribe(post.queue, slow)
    await post.record(*(registered() for _ in range(100)))
    await relay.relay_batch()
    with alarm(node, "memory"):
        await eventually(lambda: raised(node, "memory"))
        await post.record(registered())
        assert await asyncio.wait_for(relay.relay_batch(), HANGING) == 1  # now the broker has blocked us
        gate.set()
        await eventually(lambda: post.known_is(100), what="a hundred facts handled under the alarm")
        await eventually(lambda: _holds(node, post, 0), what="and acknowledged")
    await eventually(lambda: drained(post, relay))


async def _holds(node: Node, post: Post, count: int) -> bool:
    assert await asyncio.to_thread(node.depth, f"{post.queue}.events") == count
    return True


@pytest.mark.usefixtures("short_deadline")
async def test_facts_that_cannot_leave_show_in_the_metric_the_alert_reads(post: Post, node: Node) -> None:
    """The relay tries them again and again meanwhile: their age counts from when they were recorded."""
    transport = await post.transport()
    relay = post.relay(transport)
    worker = ServiceWorker("identity", post.identity, transport, outbox=post.outbox, inbox=post.inbox, consumer=None)
    with alarm(node, "memory"):
        await eventually(lambda: raised(node, "memory"))
        await post.record(registered())
        began = asyncio.get_running_loop().time()
        trying = asyncio.create_task(relay.run())
        try:
            await eventually(lambda: _tried(post, 3))
            waited = asyncio.get_running_loop().time() - began
            worker._queues = [post.outbox]
            await worker._gauges()
        finally:
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)
    shown = metrics.registry.get_sample_value("ez_durable_oldest_seconds", {"service": "identity", "queue": "outbox"})
    assert shown is not None
    assert shown >= waited


async def _tried(post: Post, times: int) -> bool:
    (row,) = await post.sent()
    assert row["attempts"] >= times
    return True
