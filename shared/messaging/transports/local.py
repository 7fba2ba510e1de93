"""The bus inside one process. It stores nothing: a message is confirmed when every subscriber has taken it.

Durability is the outbox's before the confirm and the inboxes' after it, so a kill at any moment loses nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence

from shared.contracts import topology
from shared.messaging.transports.base import Message, NotConfirmed, Receiver, Unroutable


class LocalBroker:
    """What the services of one process share: who listens to what."""

    def __init__(self, bindings: Mapping[str, tuple[str, ...]] | None = None, concurrency: int = 16) -> None:
        self.bindings = dict(bindings if bindings is not None else topology())
        self.receivers: dict[str, Receiver] = {}
        self.slots = asyncio.Semaphore(concurrency)


class LocalTransport:
    """One service's end of the local bus."""

    def __init__(self, broker: LocalBroker) -> None:
        self._broker = broker
        self._consumers: list[str] = []
        self.connected = False

    async def start(self) -> None:
        """Joins the bus."""
        self.connected = True

    async def stop(self) -> None:
        """Leaves the bus: messages for this service's consumers are no longer confirmed."""
        self.connected = False
        for consumer in self._consumers:
            self._broker.receivers.pop(consumer, None)

    async def subscribe(self, consumer: str, receive: Receiver) -> None:
        """Delivers what is bound to `consumer` to `receive`."""
        self._broker.receivers[consumer] = receive
        self._consumers.append(consumer)

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        """Hands every message to every subscriber; one that fails, or is not there, leaves it unconfirmed."""
        return list(await asyncio.gather(*(self._deliver(message) for message in messages)))

    async def _deliver(self, message: Message) -> NotConfirmed | None:
        consumers = [name for name, types in self._broker.bindings.items() if message.wire_type in types]
        if not consumers:
            return Unroutable(f"nobody is bound to {message.wire_type}")
        async with self._broker.slots:
            outcomes = await asyncio.gather(
                *(self._hand_over(name, message) for name in consumers), return_exceptions=True
            )
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        return NotConfirmed(str(failed[0])) if failed else None

    async def _hand_over(self, consumer: str, message: Message) -> None:
        receive = self._broker.receivers.get(consumer)
        if receive is None:
            raise NotConfirmed(f"{consumer} is not listening")
        await receive(message)
