"""Identity publishes and support listens, each over its own schema and its own connection to the broker."""

import uuid
from typing import Any

from sqlalchemy import select, text

from services.identity.adapters.tables import plumbing as identity_plumbing
from services.support.adapters.tables import plumbing as support_plumbing
from services.support.consumers import handlers
from services.support.use_cases.contacts import remember_person
from shared.contracts.identity import UserRegistered
from shared.database import Database, DurableQueue, UnitOfWork
from shared.kernel import new_id
from shared.messaging import Consumer, Handlers, Outbox, RabbitTransport, Relay, Transport
from shared.messaging.inbox import inbox_queue
from shared.messaging.outbox import outbox_queue
from tests.support.database import TestDatabase


def registered(user_id: str | None = None, name: str = "Ada") -> UserRegistered:
    """A fact about this user (the subject)."""
    return UserRegistered(
        user_id=user_id or new_id("usr"),
        account_id=new_id("acc"),
        account_name="Analytical Engines",
        email="ada@example.com",
        name=name,
        locale="en",
    )


async def remember_visibly(work: UnitOfWork, fact: UserRegistered) -> None:
    """Support's own handler, which may run twice without harm, and a row for each time that it ran."""
    await remember_person(work, fact)
    work.publish(registered(fact.user_id, "handled"))


def listeners() -> Handlers:
    """Support's handlers, with the visible one."""
    return {**handlers(), UserRegistered: remember_visibly}


def impatient_outbox() -> DurableQueue:
    """Identity's outbox, whose retries come within fractions of a second."""
    queue = outbox_queue(identity_plumbing.outbox_table)
    queue.first_wait, queue.longest_wait = 0.05, 0.2
    return queue


def impatient_inbox() -> DurableQueue:
    """Support's inbox, whose retries come within fractions of a second."""
    queue = inbox_queue(support_plumbing.inbox_table)
    queue.first_wait, queue.longest_wait = 0.05, 0.2
    return queue


class Post:
    """One publisher, one listener, and the books of both. The listener's queue on the broker is its own."""

    def __init__(self, database: TestDatabase, broker_url: str) -> None:
        self.test_database = database
        self.broker_url = broker_url
        self.queue = f"support-{uuid.uuid4().hex}"
        self.bindings = {self.queue: (UserRegistered.wire_type,)}
        self.outbox, self.inbox = impatient_outbox(), impatient_inbox()
        self.identity = self.publisher_database()
        self.support = Database(
            database.url("support"), "support", outbox=Outbox(support_plumbing.outbox_table), pool_size=8
        )
        self._opened: list[Database] = [self.support]
        self._transports: list[RabbitTransport] = []
        self._opened.append(self.identity)

    def publisher_database(self) -> Database:
        """Identity's schema as one process sees it; the first one is `identity`."""
        return Database(
            self.test_database.url("identity"), "identity", outbox=Outbox(identity_plumbing.outbox_table), pool_size=4
        )

    async def transport(self, url: str | None = None, *, prefetch: int = 32) -> RabbitTransport:
        """A started connection, to the broker or to what stands in front of it."""
        transport = RabbitTransport(url or self.broker_url, bindings=self.bindings, prefetch=prefetch)
        self._transports.append(transport)
        await transport.start()
        return transport

    def relay(self, transport: Transport, database: Database | None = None, **options: Any) -> Relay:
        """A relay of identity's outbox."""
        if database is not None:
            self._opened.append(database)
        return Relay(database or self.identity, self.outbox, transport, **{"poll": 0.05, **options})

    def consumer(self, changed: Handlers | None = None) -> Consumer:
        """Support's consumer with its own handlers, except those that were `changed`."""
        return Consumer("support", self.support, self.inbox, {**listeners(), **(changed or {})})

    async def record(self, *facts: UserRegistered) -> None:
        """Records the facts in one change of identity's."""

        async with self.identity.work() as work:
            for fact in facts:
                work.publish(fact)

    async def make_due(self) -> None:
        """Whatever waits in the outbox, on a lease or for another attempt, is due now."""
        async with self.identity.work() as work:
            await work.session.execute(text("UPDATE identity.outbox SET next_attempt_at = now() WHERE state = 'ready'"))

    async def sent(self) -> list[dict[str, Any]]:
        """The rows of identity's outbox in the order of their ids."""
        table = identity_plumbing.outbox_table
        async with self.identity.read() as session:
            return [dict(row) for row in (await session.execute(select(table).order_by(table.c.id))).mappings()]

    async def outbox_states(self) -> set[str]:
        """The states of all rows of identity's outbox."""
        return {row["state"] for row in await self.sent()}

    async def received(self) -> list[dict[str, Any]]:
        """The rows of support's inbox."""
        table = support_plumbing.inbox_table
        async with self.support.read() as session:
            return [dict(row) for row in (await session.execute(select(table).order_by(table.c.id))).mappings()]

    async def known(self) -> int:
        """How many people support has heard of: the effect of the facts."""
        async with self.support.read() as session:
            return int(await session.scalar(text("SELECT count(*) FROM support.contacts")) or 0)

    async def handled(self) -> int:
        """How often a handler of support's ran and was committed."""
        async with self.support.read() as session:
            return int(await session.scalar(text("SELECT count(*) FROM support.outbox")) or 0)

    async def known_is(self, count: int) -> bool:
        """Whether support has heard of this many people."""
        found = await self.known()
        assert found == count
        return True

    async def balanced(self) -> bool:
        """Every fact was sent, arrived, and was handled; nothing else did."""
        sent, received = await self.sent(), await self.received()
        ids = [row["id"] for row in sent]
        assert {row["state"] for row in sent} <= {"done"}
        assert [row["id"] for row in received] == ids
        assert {row["state"] for row in received} <= {"done"}
        assert await self.known() == len({row["subject"] for row in sent})
        assert await self.handled() == len(sent)
        return True

    async def close(self) -> None:
        """Closes every connection."""
        for transport in self._transports:
            await transport.stop()
        for database in self._opened:
            await database.close()
