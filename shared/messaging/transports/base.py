"""What any transport promises: at least once, to every subscriber, confirmed only when it is safe."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class NotConfirmed(Exception):
    """The message may or may not have arrived; send it again under the same id."""


class Unroutable(NotConfirmed):
    """No queue is bound for this type: a mistake in the topology that must be seen, not a message to drop."""


@dataclass(frozen=True, slots=True)
class Message:
    """An encoded envelope with what a transport needs to route and to log it."""

    id: str
    wire_type: str
    body: bytes
    trace: str | None = None


Receiver = Callable[[Message], Awaitable[None]]


class Transport(Protocol):
    """A connection to the bus."""

    async def start(self) -> None:
        """Connects and declares the whole topology."""
        ...

    async def stop(self) -> None:
        """Stops deliveries and disconnects; what was not acknowledged is delivered again later."""
        ...

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        """Sends the messages in flight together; for each, None once it is safe, else why it is not."""
        ...

    async def subscribe(self, consumer: str, receive: Receiver) -> None:
        """Delivers what is bound to `consumer`. A receiver that returns acknowledges; one that raises gets it again."""
        ...

    @property
    def connected(self) -> bool:
        """Whether publishing can succeed right now."""
        ...
