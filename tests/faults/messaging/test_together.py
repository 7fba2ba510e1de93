"""Facts that arrive while others are handled share a transaction: cheaper, and otherwise as if each had its own."""

import asyncio
import random
from collections import defaultdict

import pytest
from sqlalchemy import text

from services.support.adapters.tables import plumbing
from services.support.domain import Contact
from shared.contracts.identity import UserRegistered
from shared.database import Database, UnitOfWork, engine
from shared.kernel import SystemClock, new_id
from shared.kernel.ids import uuid7
from shared.messaging import Consumer, Message, Outbox, decode, encode
from shared.telemetry.tracing import traceparent
from tests.faults.messaging.parts import Post, listeners, registered


def message(fact: UserRegistered, trace: str | None = None) -> Message:
    """The fact as the broker delivers it."""
    identity, clock = uuid7(), SystemClock()
    return Message(str(identity), fact.wire_type, encode(fact, identity, clock.now(), trace), trace)


async def deliver(consumer: Consumer, *messages: Message) -> None:
    """All of them at once, as a broker does that has a backlog."""
    await asyncio.gather(*(consumer.receive(item) for item in messages))


async def transactions(post: Post) -> int:
    """How many transactions wrote the inbox: rows of one commit carry one transaction id."""
    async with post.support.read() as session:
        return int(await session.scalar(text("SELECT count(DISTINCT xmin::text) FROM support.inbox")) or 0)


async def test_a_backlog_is_handled_in_few_transactions_and_every_fact_once(post: Post) -> None:
    facts = [message(registered()) for _ in range(120)]
    await deliver(post.consumer(), *facts, *facts[:30])
    assert await post.known() == await post.handled() == len(await post.received()) == 120
    assert await transactions(post) < 20


@pytest.mark.fault(20)
async def test_facts_of_one_subject_are_handled_in_the_order_in_which_they_came(post: Post) -> None:
    handled: dict[str, list[str]] = defaultdict(list)
    dice = random.Random(5)

    async def handle(_work: UnitOfWork, fact: UserRegistered) -> None:
        handled[fact.user_id].append(fact.name)
        await asyncio.sleep(dice.uniform(0, 0.003))

    users = [new_id("usr") for _ in range(10)]
    facts = [message(registered(user, str(number))) for number in range(12) for user in users]
    await deliver(post.consumer({UserRegistered: handle}), *facts)
    assert handled == {user: [str(number) for number in range(12)] for user in users}


async def test_each_fact_goes_on_in_its_own_trace(post: Post) -> None:
    facts = [registered(name="told") for _ in range(20)]
    traces = {fact.user_id: traceparent(None) for fact in facts}
    await deliver(post.consumer(), *(message(fact, traces[fact.user_id]) for fact in facts))
    async with post.support.read() as session:
        rows = list(await session.execute(text("SELECT subject, trace, body FROM support.outbox")))
    assert len(rows) == 20
    assert await transactions(post) < 10
    for row in rows:
        assert (decode(bytes(row.body)).traceparent or "")[:35] == row.trace[:35] == traces[row.subject][:35]


async def test_one_that_fails_costs_the_others_nothing_and_leaves_nothing_behind(post: Post) -> None:
    async def handle(work: UnitOfWork, fact: UserRegistered) -> None:
        await listeners()[UserRegistered](work, fact)
        if fact.name == "broken":
            raise RuntimeError("after its effect")

    facts = [message(registered(name="broken" if number % 10 == 4 else "sound")) for number in range(40)]
    await deliver(post.consumer({UserRegistered: handle}), *facts)
    states = [row["state"] for row in await post.received()]
    assert (states.count("done"), states.count("ready")) == (36, 4)
    assert await post.known() == await post.handled() == 36


async def test_a_handler_sees_what_others_changed_since_an_earlier_one_of_its_batch_looked(post: Post) -> None:
    """Each loads what it needs anew: a row in the session's memory may be another's by now."""
    user, seen, kept = new_id("usr"), [], []

    async def handle(work: UnitOfWork, fact: UserRegistered) -> None:
        contact = await work.session.get(Contact, fact.user_id)
        seen.append(contact.name if contact else None)
        kept.append(contact)  # as a relationship of something else would keep it
        if fact.name == "look":
            async with post.support.work() as other:
                await other.session.execute(text("UPDATE support.contacts SET name = 'changed'"))

    await deliver(post.consumer(), message(registered(user, "first")))
    await deliver(
        post.consumer({UserRegistered: handle}), *(message(registered(user, name)) for name in ("look", "look", "see"))
    )
    assert seen == ["first", "changed", "changed"]


@pytest.mark.fault(33)
async def test_a_row_that_somebody_keeps_locked_does_not_hold_up_the_facts_behind_it(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen process keeps its locks for up to a minute; one fact waits for it then, and tries again later."""
    monkeypatch.setattr(engine, "LOCK_TIMEOUT", 300)
    database = Database(post.test_database.url("support"), "support", outbox=Outbox(plumbing.outbox_table), pool_size=4)
    consumer = Consumer("support", database, post.inbox, listeners())
    stuck = registered()
    await deliver(consumer, message(stuck))
    async with post.support.work() as frozen:
        await frozen.session.execute(text("SELECT FROM support.contacts FOR UPDATE"))
        facts = [message(registered()) for _ in range(30)]
        await asyncio.wait_for(deliver(consumer, *facts[:15], message(stuck), *facts[15:]), 60)
        states = [row["state"] for row in await post.received()]
        assert (states.count("done"), states.count("ready")) == (31, 1)
    await database.close()
