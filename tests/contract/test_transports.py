"""One suite over both transports: what the services rely on, RabbitMQ and the local bus must both do."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from shared.messaging import LocalBroker, LocalTransport, Message, RabbitTransport, Transport, Unroutable
from shared.testing import eventually
from tests.support.rabbitmq import delete_queues

Make = Callable[[dict[str, tuple[str, ...]]], Transport]


def _kind() -> str:
    return f"test.{uuid.uuid4().hex}.happened.v1"


def _message(wire_type: str, body: bytes = b"{}") -> Message:
    return Message(
        id=str(uuid.uuid4()), wire_type=wire_type, body=body, trace="00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    )


@pytest_asyncio.fixture(params=["local", pytest.param("rabbitmq", marks=pytest.mark.needs("rabbitmq"))])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """Makes connections to one bus: several calls give several processes' ends of it."""
    made: list[Transport] = []
    queues: set[str] = set()
    brokers: dict[str, LocalBroker] = {}

    def build(bindings: dict[str, tuple[str, ...]]) -> Transport:
        if request.param == "local":
            broker = brokers.setdefault("one", LocalBroker(bindings))
            transport: Transport = LocalTransport(broker)
        else:
            queues.update(f"{consumer}.events" for consumer in bindings)
            transport = RabbitTransport(request.getfixturevalue("broker_url"), bindings=bindings)
        made.append(transport)
        return transport

    yield build
    for transport in made:
        await transport.stop()
    if queues:
        await delete_queues(request.getfixturevalue("broker_url"), queues)


class Ear:
    """A receiver that remembers, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.heard: list[Message] = []
        self.failures = failures

    async def __call__(self, message: Message) -> None:
        self.heard.append(message)
        if self.failures > 0:
            self.failures -= 1
            raise RuntimeError("handler failed")


async def test_a_fact_reaches_every_subscriber_and_nobody_else(make: Make) -> None:
    kind, other, name = _kind(), _kind(), uuid.uuid4().hex
    bindings = {f"a-{name}": (kind,), f"b-{name}": (kind, other), f"c-{name}": (other,)}
    ears = {consumer: Ear() for consumer in bindings}
    for consumer, ear in ears.items():
        transport = make(bindings)
        await transport.start()
        await transport.subscribe(consumer, ear)
    publisher = make(bindings)
    await publisher.start()
    sent = _message(kind, b'{"n":1}')
    assert await publisher.publish([sent]) == [None]
    await eventually(lambda: _async(ears[f"a-{name}"].heard and ears[f"b-{name}"].heard))
    assert [(m.id, m.wire_type, m.body, m.trace) for m in ears[f"a-{name}"].heard] == [
        (sent.id, kind, b'{"n":1}', sent.trace)
    ]
    assert ears[f"c-{name}"].heard == []


async def _async(value: object) -> object:
    return value


async def test_a_fact_nobody_is_bound_to_is_reported_and_not_dropped(make: Make) -> None:
    publisher = make({f"a-{uuid.uuid4().hex}": (_kind(),)})
    await publisher.start()
    (outcome,) = await publisher.publish([_message(_kind())])
    assert isinstance(outcome, Unroutable)


async def test_one_bad_message_does_not_spoil_its_batch(make: Make) -> None:
    kind, consumer = _kind(), f"a-{uuid.uuid4().hex}"
    transport = make({consumer: (kind,)})
    await transport.start()
    await transport.subscribe(consumer, Ear())
    outcomes = await transport.publish([_message(kind), _message(_kind()), _message(kind)])
    assert [outcome is None for outcome in outcomes] == [True, False, True]


async def test_a_delivery_whose_receiver_fails_comes_again_or_is_not_confirmed(make: Make) -> None:
    kind, consumer = _kind(), f"a-{uuid.uuid4().hex}"
    transport, ear = make({consumer: (kind,)}), Ear(failures=1)
    await transport.start()
    await transport.subscribe(consumer, ear)
    sent = _message(kind)

    async def delivered_twice() -> bool:
        if len(ear.heard) < 2:
            (outcome,) = await transport.publish([sent]) if not ear.heard or _is_local(transport) else (None,)
            _ = outcome
        return len(ear.heard) >= 2

    await eventually(delivered_twice)
    assert {message.id for message in ear.heard} == {sent.id}


def _is_local(transport: Transport) -> bool:
    return isinstance(transport, LocalTransport)


async def test_facts_wait_for_a_consumer_that_is_away(make: Make) -> None:
    kind, consumer = _kind(), f"a-{uuid.uuid4().hex}"
    bindings = {consumer: (kind,)}
    publisher, ear = make(bindings), Ear()
    await publisher.start()
    sent = _message(kind)
    first = await publisher.publish([sent])
    late = make(bindings)
    await late.start()
    await late.subscribe(consumer, ear)
    if first != [None]:  # the local bus keeps nothing: it says so, and the outbox sends again
        assert await publisher.publish([sent]) == [None]
    await eventually(lambda: _async(ear.heard))
    assert ear.heard[0].id == sent.id


async def test_many_facts_in_flight_all_arrive(make: Make) -> None:
    kind, consumer = _kind(), f"a-{uuid.uuid4().hex}"
    transport, ear = make({consumer: (kind,)}), Ear()
    await transport.start()
    await transport.subscribe(consumer, ear)
    sent = [_message(kind) for _ in range(300)]
    assert await transport.publish(sent) == [None] * 300
    await eventually(lambda: _async(len(ear.heard) >= 300))
    assert {message.id for message in ear.heard} == {message.id for message in sent}


async def test_publishing_on_a_stopped_transport_is_never_confirmed(make: Make) -> None:
    kind, consumer = _kind(), f"a-{uuid.uuid4().hex}"
    transport = make({consumer: (kind,)})
    await transport.start()
    await transport.subscribe(consumer, Ear())
    await transport.stop()
    (outcome,) = await transport.publish([_message(kind)])
    assert outcome is not None
    assert not transport.connected


async def test_a_consumer_that_stops_gets_the_rest_when_it_returns(make: Make) -> None:
    kind, consumer = _kind(), f"a-{uuid.uuid4().hex}"
    bindings = {consumer: (kind,)}
    publisher, first, second = make(bindings), make(bindings), make(bindings)
    await publisher.start()
    await first.start()
    stuck = asyncio.Event()

    async def never(_message: Message) -> None:
        stuck.set()
        await asyncio.sleep(3600)

    await first.subscribe(consumer, never)
    sent, ear = _message(kind), Ear()
    publishing = asyncio.create_task(publisher.publish([sent]))
    await asyncio.wait_for(stuck.wait(), 60)
    await first.stop()
    publishing.cancel()
    await second.start()
    await second.subscribe(consumer, ear)
    if _is_local(second):
        assert await publisher.publish([sent]) == [None]
    await eventually(lambda: _async(ear.heard))
    assert ear.heard[0].id == sent.id
