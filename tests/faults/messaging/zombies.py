"""The five durable tables, each with its own handler: somebody holds a row too long, and somebody else finishes it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Protocol, cast

from sqlalchemy import text

from services.billing.domain import event_queue
from services.billing.jobs import EventProcessor
from services.support.adapters.identity import LinkSource
from services.support.adapters.rendering import Renderer
from services.support.adapters.tables import notifications
from services.support.use_cases.notifying import MailSender
from shared.contracts.identity import UserRegistered
from shared.database import Claimed, Database, DurableQueue, UnitOfWork
from shared.kernel.ids import uuid7
from shared.messaging import Message, NotConfirmed, encode
from tests.api.billing.conftest import running_billing
from tests.api.support.conftest import Customer
from tests.faults.messaging.parts import Post, registered
from tests.support.callers import customer
from tests.support.database import TestDatabase
from tests.support.provisioning import Provisioning
from tests.support.stripe_payloads import event


class Zombie(Protocol):
    """Two workers over one table with one due row."""

    database: Database
    table: str

    async def hold(self) -> None:
        """The first worker takes the row, and is then as if frozen."""

    async def succeed(self) -> None:
        """The second worker takes the row and finishes it."""

    async def wake(self) -> None:
        """The first worker goes on where it was frozen."""

    async def effects(self) -> Any:
        """What handling the row did, to be compared."""


@dataclass
class QueueZombie:
    """Over a DurableQueue whose handler is given each row it claimed."""

    database: Database
    queue: DurableQueue
    table: str
    handle: Callable[[Claimed], Awaitable[None]]
    look: Callable[[], Awaitable[Any]]
    _held: list[Claimed] = field(default_factory=list)

    async def _claim(self) -> list[Claimed]:
        async with self.database.work() as work:
            return await self.queue.claim(work.session, 10)

    async def hold(self) -> None:
        """See Zombie."""
        self._held = await self._claim()
        assert len(self._held) == 1

    async def succeed(self) -> None:
        """See Zombie."""
        (item,) = await self._claim()
        await self.handle(item)

    async def wake(self) -> None:
        """See Zombie."""
        await self.handle(self._held[0])

    async def effects(self) -> Any:
        """See Zombie."""
        return await self.look()


class Wire:
    """A transport that holds every publish until its gate opens, and then answers with `outcome`."""

    connected = True

    def __init__(self, outcome: NotConfirmed | None, *, is_open: bool) -> None:
        self._outcome = outcome
        self.gate, self.reached = asyncio.Event(), asyncio.Event()
        if is_open:
            self.gate.set()

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        """See Transport."""
        self.reached.set()
        await self.gate.wait()
        return [self._outcome for _ in messages]


class OutboxZombie:
    """Over the outbox: the relay claims, publishes and marks in one go, so its publish is what is held."""

    table = "identity.outbox"

    def __init__(self, post: Post, late: NotConfirmed | None) -> None:
        self.database = post.identity
        self._post = post
        self._wire = Wire(late, is_open=False)
        self._sleeper: asyncio.Task[int] | None = None

    async def hold(self) -> None:
        """See Zombie."""
        relay = self._post.relay(self._wire)  # type: ignore[arg-type]  # only publish
        self._sleeper = asyncio.create_task(relay.relay_batch())
        await asyncio.wait_for(self._wire.reached.wait(), 60)

    async def succeed(self) -> None:
        """See Zombie."""
        relay = self._post.relay(Wire(None, is_open=True))  # type: ignore[arg-type]  # only publish
        assert await relay.relay_batch() == 1

    async def wake(self) -> None:
        """See Zombie."""
        assert self._sleeper is not None
        self._wire.gate.set()
        await self._sleeper

    async def effects(self) -> Any:
        """See Zombie."""
        return None


class Mailer:
    """Takes every mail."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def send(self, message: EmailMessage) -> None:
        """See Mailer in support."""
        self.taken.append(str(message["Message-ID"]))


@asynccontextmanager
async def jobs(database: TestDatabase) -> AsyncIterator[Zombie]:
    """A VPS to be made."""
    process = Provisioning(database)
    resource = await process.grant()

    async def effects() -> Any:
        after = await process.resource(id=resource.id)
        facts = await process.facts("provisioning.resource.activated.v1")
        return after.status, after.version, after.external_ref, process.memory.created, len(facts)

    yield QueueZombie(process.database, process.queue, "provisioning.jobs", process.runner.handle, effects)
    await process.close()


@asynccontextmanager
async def stripe_events(database: TestDatabase) -> AsyncIterator[Zombie]:
    """An event of Stripe's to be applied."""
    async with asynccontextmanager(running_billing)(database.url("billing")) as billing:
        await billing.deliver(event("customer.created", {"id": "cus_1"}))
        queue = event_queue()
        handle = EventProcessor(billing.database, queue).handle
        yield QueueZombie(billing.database, queue, "billing.stripe_events", handle, billing.facts)


@asynccontextmanager
async def inbox(database: TestDatabase) -> AsyncIterator[Zombie]:
    """A fact whose first handling failed. Its handler leaves a fact behind, as most do."""
    post = Post(database, "amqp://127.0.0.1:1/")
    post.inbox.first_wait = 0
    tries = 0

    async def handle(work: UnitOfWork, fact: UserRegistered) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RuntimeError("not now")
        work.publish(registered(fact.user_id, "handled"))

    consumer = post.consumer({UserRegistered: handle})
    fact, identity = registered(), uuid7()
    body = encode(fact, identity, post.support.clock.now(), None)
    await consumer.receive(Message(str(identity), fact.wire_type, body))

    async def effects() -> Any:
        async with post.support.read() as session:
            return await session.scalar(text("SELECT count(*) FROM support.outbox"))

    yield QueueZombie(post.support, post.inbox, "support.inbox", consumer.retry, effects)
    await post.close()


@asynccontextmanager
async def notifications_(database: TestDatabase) -> AsyncIterator[Zombie]:
    """A mail to be sent. What the mail server took twice, it took under one Message-ID."""
    post, mailer, ada = Post(database, "amqp://127.0.0.1:1/"), Mailer(), Customer(customer())
    consumer = post.consumer()
    for fact in (ada.registered(), ada.paid()):
        identity = uuid7()
        body = encode(fact, identity, post.support.clock.now(), None)
        await consumer.receive(Message(str(identity), fact.wire_type, body))
    renderer = Renderer("EZ Solutions <hello@shop.example>", "https://shop.example")
    sender = MailSender(post.support, cast("LinkSource", None), renderer, mailer)

    async def effects() -> Any:
        return set(mailer.taken)

    yield QueueZombie(post.support, notifications, "support.notifications", sender.send, effects)
    await post.close()


def outbox(late: NotConfirmed | None) -> Callable[[TestDatabase], Any]:
    """A fact to be sent, whose slow publish is `late` in one way or the other."""

    @asynccontextmanager
    async def made(database: TestDatabase) -> AsyncIterator[Zombie]:
        post = Post(database, "amqp://127.0.0.1:1/")
        await post.record(registered())
        yield OutboxZombie(post, late)
        await post.close()

    return made
