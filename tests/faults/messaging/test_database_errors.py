"""PostgreSQL rolls back some transactions, or has no space: callers do not notice the first, and no work is lost."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from services.billing.jobs import EventProcessor
from services.support.consumers import handlers
from shared.contracts.identity import UserRegistered
from shared.database import DurableWorker, UnitOfWork
from shared.messaging import Consumer, Message
from shared.messaging.transports import rabbitmq
from shared.testing import eventually
from tests.api.billing.conftest import running_billing
from tests.api.identity.conftest import Identity, identity
from tests.api.support.conftest import Inbox, Support, inbox, support
from tests.faults.messaging.database_faults import fill_disk, free_disk, strike_transactions, struck
from tests.faults.messaging.parts import Post, registered
from tests.support.callers import bearer, customer, staff
from tests.support.database import TestDatabase
from tests.support.stripe_payloads import event

__all__ = ["Inbox", "identity", "inbox", "support"]


async def both_kinds(database: TestDatabase) -> None:
    at_statements, at_commits = await struck(database)
    assert at_statements > 0
    assert at_commits > 0


@pytest.mark.fault(25)
async def test_facts_pass_through_struck_transactions_at_their_first_attempt(
    post: Post, fresh_database: TestDatabase
) -> None:
    await strike_transactions(fresh_database, "identity", "support")
    transport = await post.transport()
    await transport.subscribe(post.queue, post.consumer().receive)

    async def record(fact: UserRegistered) -> None:
        async def change(work: UnitOfWork) -> None:
            work.publish(fact)

        await post.identity.run(change)

    relay = asyncio.create_task(post.relay(transport, batch=5).run())
    try:
        for _ in range(40):
            await asyncio.gather(*(record(registered()) for _ in range(5)))
        await eventually(post.balanced)
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
    await both_kinds(fresh_database)
    assert {row["attempts"] for row in await post.received()} == {1}
    assert {row["attempts"] for row in await post.sent()} == {1}, "a struck relay must not wait for its own lease"


@pytest.mark.fault(25)
async def test_nobody_who_signs_up_sees_a_struck_transaction(identity: Identity, fresh_database: TestDatabase) -> None:
    await strike_transactions(fresh_database, "identity")
    answers = [await identity.sign_up(f"ada{number}@example.com") for number in range(60)]
    assert {answer.status_code for answer in answers} == {202}
    await both_kinds(fresh_database)
    assert await identity.count("users") == 60
    assert len(await identity.facts("identity.user.registered.v1")) == 60


@pytest.mark.fault(25)
async def test_nobody_who_opens_a_ticket_sees_a_struck_transaction(
    support: Support, fresh_database: TestDatabase
) -> None:
    await strike_transactions(fresh_database, "support")
    ada = customer()
    for _ in range(80):
        await support.ticket(ada)
    await both_kinds(fresh_database)
    listed = await support.call("GET", "/tickets?limit=100", ada)
    assert len(listed.json()["data"]) == 80


@pytest.mark.fault(25)
async def test_staff_who_replay_dead_letters_do_not_see_a_struck_transaction(
    support: Support, fresh_database: TestDatabase
) -> None:
    consumer = Consumer("support", support.database, support.service.queues[1], handlers())
    for number in range(60):
        await consumer.receive(Message(str(number), "identity.user.registered.v1", b"no envelope %d" % number))
    listed = await support.call("GET", "/staff/dead-letters/support", staff())
    await strike_transactions(fresh_database, "support")
    for letter in listed.json()["data"]:
        path = f"/staff/dead-letters/support/{letter['queue']}/{letter['id']}/replay"
        answer = await support.call("POST", path, staff())
        assert answer.status_code == 202, answer.text
    assert sum(await struck(fresh_database)) > 0


@pytest.mark.fault(25)
async def test_stripe_does_not_see_a_struck_transaction(fresh_database: TestDatabase) -> None:
    async with asynccontextmanager(running_billing)(fresh_database.url("billing")) as billing:
        await strike_transactions(fresh_database, "billing")
        for _ in range(100):
            assert (await billing.deliver(event("customer.created", {"id": "cus_1"}))).status_code == 200
        processor = EventProcessor(billing.database, billing.events)
        worker = asyncio.create_task(DurableWorker(billing.database, billing.events, processor.handle, poll=0.05).run())

        async def applied() -> bool:
            return {row["state"] for row in await billing.rows("stripe_events", "state")} == {"done"}

        try:
            await eventually(applied)
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
        await both_kinds(fresh_database)
        rows = await billing.rows("stripe_events", "state, attempts")
        assert {(row["state"], row["attempts"]) for row in rows} == {("done", 1)}
        assert len(rows) == 100


@pytest.mark.fault(24)
async def test_facts_that_arrive_while_the_disk_is_full_wait_for_space(
    post: Post, fresh_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They must not use up the broker's delivery limit, after which it would set them aside."""
    monkeypatch.setattr(rabbitmq, "_DELIVERY_LIMIT", 1)
    transport = await post.transport()
    refused = tries = 0
    consumer = post.consumer()
    attempt = consumer._attempt

    async def counted(delivery: Any) -> None:
        nonlocal tries
        tries += 1
        await attempt(delivery)

    async def receive(message: Message) -> None:
        nonlocal refused
        try:
            await consumer.receive(message)
        except Exception:
            refused += 1
            raise

    async def tried_often() -> bool:
        return tries >= 8 or refused > 0

    monkeypatch.setattr(consumer, "_attempt", counted)
    await post.record(*(registered() for _ in range(10)))
    await fill_disk(fresh_database, "support")
    await transport.subscribe(post.queue, receive)
    await post.relay(transport).relay_batch()
    await eventually(tried_often)
    assert refused == 0
    await free_disk(fresh_database)
    await eventually(post.balanced)


@pytest.mark.fault(24)
async def test_while_the_disk_is_full_callers_are_asked_to_come_back_and_nothing_is_half_written(
    support: Support, fresh_database: TestDatabase
) -> None:
    ada = customer()
    await fill_disk(fresh_database, "support")
    answer = await support.client.post(
        "/api/v1/tickets", json={"subject": "No route", "body": "Ping fails."}, headers=bearer(ada)
    )
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) >= 1
    assert (await support.call("GET", "/tickets", ada)).json()["data"] == []
    await free_disk(fresh_database)
    await support.ticket(ada)


@pytest.mark.fault(24)
async def test_while_the_disk_is_full_stripe_is_told_to_retry(fresh_database: TestDatabase) -> None:
    async with asynccontextmanager(running_billing)(fresh_database.url("billing")) as billing:
        await fill_disk(fresh_database, "billing")
        made = event("customer.created", {"id": "cus_1"})
        assert (await billing.deliver(made)).status_code == 503
        listed = await billing.client.get("/api/v1/staff/stripe-events", headers=bearer(staff()))
        assert listed.status_code == 200
        await free_disk(fresh_database)
        assert (await billing.deliver(made)).status_code == 200
        assert len(await billing.rows("stripe_events", "id")) == 1


@pytest.mark.fault(24)
async def test_while_every_connection_waits_for_a_frozen_database_callers_are_asked_to_come_back(
    support: Support, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first requests wait for PostgreSQL, the rest for a connection; neither is an error of ours."""
    pool = support.database.engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.2)
    async with AsyncExitStack() as frozen:
        for _ in range(pool.size() + pool._max_overflow):  # type: ignore[attr-defined]  # a QueuePool's own
            await frozen.enter_async_context(support.database.engine.connect())
        answer = await support.client.get("/api/v1/tickets", headers=bearer(customer()))
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) >= 1
    assert (await support.call("GET", "/tickets", customer())).status_code == 200


async def test_a_failure_nobody_expected_names_its_request(support: Support, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever quotes the id to support must be found in the log by it."""

    def broken(*_given: object) -> None:
        raise LookupError("a secret thing")

    monkeypatch.setattr(UnitOfWork, "__init__", broken)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answer = await support.client.post(
            "/api/v1/tickets", json={"subject": "No route", "body": "Ping fails."}, headers=bearer(customer())
        )
    problem = answer.json()
    assert (answer.status_code, problem["type"].rpartition("/")[2]) == (500, "internal-error")
    assert problem["request_id"] == answer.headers["x-request-id"] != ""
    assert "secret" not in answer.text
    [unhandled] = [line for line in lines if line["event"] == "unhandled"]
    assert unhandled["request_id"] == problem["request_id"]
