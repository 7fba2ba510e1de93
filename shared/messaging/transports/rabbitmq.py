"""RabbitMQ: topic exchange `ez.events`, one quorum queue per consumer, publisher confirms, dead letters.

https://www.rabbitmq.com/docs/quorum-queues · https://www.rabbitmq.com/docs/confirms
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import parse_qs, urlsplit

import aio_pika
import structlog
from aio_pika.abc import (
    AbstractIncomingMessage,
    AbstractRobustChannel,
    AbstractRobustConnection,
    DeliveryMode,
    ExchangeType,
)
from aio_pika.exceptions import AMQPError, DeliveryError, PublishError
from aiormq import spec
from aiormq.channel import Channel

from shared.contracts import topology
from shared.messaging.transports.base import Message, NotConfirmed, Receiver, Unroutable

log = structlog.get_logger()

EXCHANGE = "ez.events"
DEAD_EXCHANGE = "ez.dead"
# Seconds between signs of life. A connection that was cut without a word is noticed after three of them; the libraries'
# minute would keep a service deaf or mute for three.
_HEARTBEAT = 10
# Shorter than the outbox lease: a batch is given up before somebody else may take it.
_CONFIRM_TIMEOUT = 10.0
# A message that kills its consumer this often is set aside; ordinary failures never come near (see the inbox).
_DELIVERY_LIMIT = 20


def address(url: str) -> str:
    """The broker's address with our heartbeat, unless it names one (https://www.rabbitmq.com/docs/heartbeats)."""
    parts = urlsplit(url)
    if "heartbeat" in parse_qs(parts.query):
        return url
    return parts._replace(query=f"{parts.query}&heartbeat={_HEARTBEAT}".lstrip("&")).geturl()


class RabbitTransport:
    """One process's connection to RabbitMQ. `prefetch` is how many deliveries may be unacknowledged at once."""

    def __init__(
        self, url: str, *, bindings: Mapping[str, tuple[str, ...]] | None = None, prefetch: int = 128, name: str = "ez"
    ) -> None:
        self._url = address(url)
        self._bindings = dict(bindings if bindings is not None else topology())
        self._prefetch = prefetch
        self._name = name
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self._listening: AbstractRobustConnection | None = None
        self._consumers: list[tuple[AbstractRobustChannel, str]] = []

    @property
    def connected(self) -> bool:
        """Whether the connection and the publishing channel are up right now."""
        connection, channel = self._connection, self._channel
        if connection is None or channel is None or channel.is_closed:
            return False
        return connection.connected.is_set()

    async def start(self) -> None:
        """Connects (and from then on reconnects by itself), and declares every exchange, queue and binding."""
        self._connection = await aio_pika.connect_robust(
            self._url, timeout=10, reconnect_interval=1, client_properties={"connection_name": self._name}
        )
        # Unroutable messages come back as errors: an event nobody is bound to must not look sent.
        self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        await self._declare(self._channel)

    async def _declare(self, channel: AbstractRobustChannel) -> None:
        exchange = await channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True)
        dead = await channel.declare_exchange(DEAD_EXCHANGE, ExchangeType.FANOUT, durable=True)
        buried = await channel.declare_queue(DEAD_EXCHANGE, durable=True, arguments={"x-queue-type": "quorum"})
        await buried.bind(dead)
        for consumer, wire_types in self._bindings.items():
            queue = await channel.declare_queue(
                f"{consumer}.events",
                durable=True,
                arguments={
                    "x-queue-type": "quorum",
                    "x-delivery-limit": _DELIVERY_LIMIT,
                    "x-dead-letter-exchange": DEAD_EXCHANGE,
                },
            )
            for wire_type in wire_types:
                await queue.bind(exchange, routing_key=wire_type)

    async def stop(self) -> None:
        """Cancels deliveries and closes the connection."""
        for channel, _tag in self._consumers:
            with contextlib.suppress(AMQPError, ConnectionError, RuntimeError):
                await channel.close()
        self._consumers = []
        for connection in (self._listening, self._connection):
            if connection is not None:
                with contextlib.suppress(AMQPError, ConnectionError, RuntimeError):
                    await connection.close()
        self._listening = self._connection = self._channel = None

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        """Publishes all messages without waiting in between, then waits for all confirms."""
        if self._channel is None or not self.connected:
            return [NotConfirmed("not connected to the broker")] * len(messages)
        try:
            # The protocol's own channel: aio-pika's messages and exchanges around it cost a third of a publish.
            channel = cast(Channel, await self._channel.get_underlay_channel())
        except (AMQPError, RuntimeError) as error:
            return [NotConfirmed(f"{type(error).__name__}: {error}")] * len(messages)
        return list(await asyncio.gather(*(_publish(channel, message) for message in messages)))

    async def subscribe(self, consumer: str, receive: Receiver) -> None:
        """Delivers the consumer's queue, `prefetch` at a time; acknowledges after `receive` returned."""
        if self._connection is None:
            raise RuntimeError("start the transport before subscribing")
        if self._listening is None:
            # Apart from the publishing one: a broker short of memory stops reading from connections that publish,
            # and acknowledgements, which would give it room, must still arrive.
            self._listening = await aio_pika.connect_robust(
                self._url,
                timeout=10,
                reconnect_interval=1,
                client_properties={"connection_name": f"{self._name}-listen"},
            )
        channel = await self._listening.channel()
        await channel.set_qos(prefetch_count=self._prefetch)
        queue = await channel.get_queue(f"{consumer}.events")

        async def deliver(incoming: AbstractIncomingMessage) -> None:
            message = Message(
                id=incoming.message_id or "",
                wire_type=incoming.type or incoming.routing_key or "",
                body=incoming.body,
                trace=_header(incoming, "traceparent"),
            )
            try:
                await receive(message)
            except Exception as error:  # noqa: BLE001 - whatever it was, the broker must keep the message
                log.warning("delivery_failed", consumer=consumer, type=message.wire_type, error=str(error)[:300])
                await asyncio.sleep(1)
                await incoming.nack(requeue=True)
            else:
                await incoming.ack()

        tag = await queue.consume(deliver)
        self._consumers.append((channel, tag))


async def _publish(channel: Channel, message: Message) -> NotConfirmed | None:
    properties = spec.Basic.Properties(
        message_id=message.id,
        message_type=message.wire_type,
        content_type="application/cloudevents+json",
        delivery_mode=DeliveryMode.PERSISTENT,
        headers={"traceparent": message.trace} if message.trace else {},
    )
    try:
        await channel.basic_publish(
            message.body,
            exchange=EXCHANGE,
            routing_key=message.wire_type,
            properties=properties,
            mandatory=True,
            timeout=_CONFIRM_TIMEOUT,
            wait=False,  # for the socket: the confirm is waited for
        )
    except PublishError:
        return Unroutable(f"no queue is bound to {message.wire_type}")
    except (DeliveryError, AMQPError, ConnectionError, TimeoutError, RuntimeError) as error:
        return NotConfirmed(f"{type(error).__name__}: {error}")
    return None


def _header(incoming: AbstractIncomingMessage, name: str) -> str | None:
    value = incoming.headers.get(name)
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return value if isinstance(value, str) else None
