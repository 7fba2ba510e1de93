"""What the broker did not confirm was not sent: it stays, and goes out again under the same id."""

import asyncio

import pytest

from services.identity.adapters.tables import plumbing
from shared.messaging import Message
from shared.messaging.outbox import outbox_queue
from shared.messaging.transports import rabbitmq
from shared.testing import eventually
from tests.faults.messaging.amqp_proxy import AmqpProxy
from tests.faults.messaging.parts import Post, registered

pytestmark = pytest.mark.fault(18)

# A relay that waits longer than this has no deadline.
HANGING = 15


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish is given up after half a second instead of ten."""
    monkeypatch.setattr(rabbitmq, "_CONFIRM_TIMEOUT", 0.5)


class Ear:
    """Takes deliveries as support does, and remembers how often each id arrived."""

    def __init__(self, post: Post) -> None:
        self._consumer = post.consumer()
        self.heard: list[str] = []

    async def __call__(self, message: Message) -> None:
        self.heard.append(message.id)
        await self._consumer.receive(message)


async def listening(post: Post) -> Ear:
    ear = Ear(post)
    await (await post.transport()).subscribe(post.queue, ear)
    return ear


def test_a_publish_is_given_up_before_its_lease_ends() -> None:
    assert outbox_queue(plumbing.outbox_table).lease > rabbitmq._CONFIRM_TIMEOUT


@pytest.mark.usefixtures("short_deadline")
async def test_facts_that_are_taken_but_never_confirmed_stay_and_go_out_again_under_the_same_id(
    post: Post, proxy: AmqpProxy
) -> None:
    ear = await listening(post)
    relay = post.relay(await post.transport(proxy.url))
    await post.record(*(registered() for _ in range(20)))
    proxy.confirms = "swallow"
    assert await asyncio.wait_for(relay.relay_batch(), HANGING) == 20
    rows = await post.sent()
    assert {(row["state"], row["lease_token"]) for row in rows} == {("ready", None)}
    assert all("TimeoutError" in row["last_error"] for row in rows)
    await eventually(lambda: post.known_is(20))  # the broker did take them

    proxy.confirms = "pass"
    await post.make_due()
    assert await relay.relay_batch() == 20
    await eventually(post.balanced)
    ids = [str(row["id"]) for row in rows]
    await eventually(lambda: _same(sorted(ear.heard), sorted(ids * 2)))


@pytest.mark.usefixtures("short_deadline")
async def test_facts_the_broker_refuses_stay_and_go_out_again_under_the_same_id(post: Post, proxy: AmqpProxy) -> None:
    ear = await listening(post)
    relay = post.relay(await post.transport(proxy.url))
    await post.record(*(registered() for _ in range(20)))
    proxy.confirms = "nack"
    assert await asyncio.wait_for(relay.relay_batch(), HANGING) == 20
    assert {(row["state"], row["attempts"]) for row in await post.sent()} == {("ready", 1)}
    proxy.confirms = "pass"
    await post.make_due()
    await relay.relay_batch()
    await eventually(post.balanced)
    assert set(ear.heard) == {str(row["id"]) for row in await post.sent()}


@pytest.mark.usefixtures("short_deadline")
@pytest.mark.parametrize("trouble", ["close_channel_at", "cut_at"])
async def test_a_channel_or_connection_lost_in_the_middle_of_a_batch_loses_no_fact(
    post: Post, proxy: AmqpProxy, trouble: str
) -> None:
    await listening(post)
    transport = await post.transport(proxy.url)
    relay = post.relay(transport)
    await post.record(*(registered() for _ in range(40)))
    setattr(proxy, trouble, 20)
    assert await asyncio.wait_for(relay.relay_batch(), HANGING) == 40
    assert "ready" in await post.outbox_states()

    async def drained() -> bool:
        await post.make_due()
        await asyncio.wait_for(relay.relay_batch(), HANGING)
        return await post.outbox_states() == {"done"}

    await eventually(drained)
    await eventually(post.balanced)


@pytest.mark.usefixtures("short_deadline")
async def test_a_broker_that_falls_silent_does_not_hold_the_relay(post: Post, proxy: AmqpProxy) -> None:
    await listening(post)
    relay = post.relay(await post.transport(proxy.url))
    await post.record(*(registered() for _ in range(5)))
    proxy.frozen = True
    assert await asyncio.wait_for(relay.relay_batch(), HANGING) == 5
    assert await post.outbox_states() == {"ready"}
    proxy.frozen = False

    async def drained() -> bool:
        await post.make_due()
        await relay.relay_batch()
        return await post.balanced()

    await eventually(drained)


async def _same(left: object, right: object) -> bool:
    assert left == right
    return True
