"""Every service can show and forget: whatever names a person, anywhere in the five schemas, is shown and then gone."""

from datetime import timedelta
from importlib import import_module

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, insert, select, text
from structlog.testing import capture_logs

from services.support.adapters.tables import plumbing as support_plumbing
from shared.kernel import new_id
from shared.kernel.ids import uuid7
from shared.messaging import encode
from shared.messaging.personal import DEAD_KEPT, forget_dead_bodies
from shared.web.invariants import PromiseWatch
from tests.support.house import empty_house
from tests.support.personal_data import (
    ADA,
    EVE,
    NOW,
    PASSWORD,
    House,
    Person,
    buy,
    call,
    consumer_of,
    give_up,
    published,
    sign_up,
    stripe_tells,
    traces,
)

__all__ = ["empty_house"]


@pytest.fixture
def house(empty_house: House) -> House:
    """Every service; these tests write."""
    return empty_house


@pytest_asyncio.fixture
async def people(house: House) -> dict[str, Person]:
    """Ada, and a bystander to whom nothing may happen; both in every schema."""
    made = {}
    for word in (ADA, EVE):
        made[word] = await sign_up(house, word)
        for act in (stripe_tells, buy, give_up):
            await act(house, made[word])
    return made


# Ids at Stripe are made of letters and digits in life; here they carry the word, and are no trace.
IDS = {("payers", "stripe_customer_id"), ("stripe_events", "id"), ("stripe_events", "object_id")}


async def test_every_service_shows_and_forgets_whatever_names_a_person(house: House, people: dict[str, Person]) -> None:
    for service in house:
        await shows_and_forgets(house, people, service)


async def shows_and_forgets(house: House, people: dict[str, Person], service: str) -> None:
    database, port = house[service].database, house[service].privacy
    ada, eve = people[ADA], people[EVE]
    if service == "provisioning":  # a service that still runs keeps its name
        async with database.work() as work:
            await work.session.execute(text("UPDATE resources SET status = 'terminated'"))
    before, bystander = await traces(database, ada), await traces(database, eve)
    assert before.keys() - IDS, f"the seeds do not reach {service}"

    export = await port.export(ada.account_id)
    for table, column in before.keys() - IDS:
        if table in export.left_out:
            continue
        shown = " ".join(str(row.get(column)) for row in export.tables[table]).casefold()
        assert any(mark in shown for mark in ada.marks), f"{table}.{column} is not shown"
    assert not any(mark in str(export.tables).casefold() for mark in eve.marks)
    secrets = ("$argon2", "token_hash")
    assert not any(secret in str(export.tables) for secret in secrets)

    erasure = await port.erase(ada.account_id)
    assert sum(erasure.erased.values())
    assert (await traces(database, ada)).keys() <= IDS
    assert await traces(database, eve) == bystander
    again = (await port.erase(ada.account_id)).erased
    assert not again.keys() & {"inbox", "outbox", "idempotency_keys", "stripe_events", "sessions", "contacts"}
    watch = import_module(f"services.{service}.use_cases.promises").INVARIANTS
    with capture_logs() as lines:
        await PromiseWatch(service, database, watch).look()
    assert [line for line in lines if line["event"] == "promise_not_checked"] == []


async def test_of_an_account_nobody_heard_of_there_is_nothing(house: House) -> None:
    for service in house.values():
        assert not any((await service.privacy.export(new_id("acc"))).tables.values())
        assert (await service.privacy.erase(new_id("acc"))).erased == {}


async def test_whoever_was_erased_cannot_sign_in_and_whoever_belongs_to_another_account_stays(house: House) -> None:
    ada = await sign_up(house, ADA)
    identity = house["identity"]
    async with identity.database.work() as work:
        await work.session.execute(
            text(
                "WITH other AS (INSERT INTO accounts (id, name, created_at) VALUES (gen_random_uuid(), 'x', now())"
                " RETURNING id) INSERT INTO memberships (account_id, user_id, role, created_at)"
                " SELECT other.id, users.id, 'admin', now() FROM other, users"
            )
        )
    await identity.privacy.erase(ada.account_id)
    async with identity.database.read() as session:
        assert await session.scalar(text("SELECT email FROM users")) == ada.email
        (account_id,) = (await session.execute(text("SELECT account_id FROM memberships"))).one()
    again = import_module("shared.kernel").encode_id("acc", account_id)
    await identity.privacy.erase(again)
    transport = httpx.ASGITransport(identity.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://identity") as client:
        tried = await client.post("/api/v1/sessions", json={"email": ada.email, "password": PASSWORD})
    assert tried.status_code == 401


async def test_facts_about_people_leave_no_body_once_they_were_sent_and_handled(house: House) -> None:
    await sign_up(house, ADA)
    for name, table in (("identity", "outbox"), ("billing", "inbox"), ("support", "inbox")):
        async with house[name].database.read() as session:
            rows = (await session.execute(text(f"SELECT type, state, length(body) AS kept FROM {table}"))).all()
        assert rows
        assert {(row.state, row.kept) for row in rows} == {("done", 0)}


async def test_a_fact_about_a_person_that_failed_at_first_leaves_no_body_either(house: House) -> None:
    identity, consumer = house["identity"], consumer_of(house, "support")
    email = f"{ADA}@mail.example"
    await call(identity, "POST", "/api/v1/users", json={"email": email, "password": PASSWORD, "name": "A"})
    (fact,) = [event for event in await published(identity) if event.wire_type.endswith("user.registered.v1")]
    inbox, event_id = support_plumbing.inbox, uuid7()
    body = encode(fact, event_id, NOW, None)
    async with house["support"].database.work() as work:
        await inbox.add(work.session, [{"id": event_id, "type": fact.wire_type, "body": body, "attempts": 1}])
    async with house["support"].database.work() as work:
        (claimed,) = await inbox.claim(work.session, 1)
    await consumer.retry(claimed)
    async with house["support"].database.read() as session:
        row = (await session.execute(select(support_plumbing.inbox_table))).mappings().one()
    assert (row["state"], bytes(row["body"])) == ("done", b"")


@pytest.mark.parametrize(
    ("kind", "stays"),
    [
        ("identity.user.registered.v1", False),
        ("of.nobody.knows.v1", False),
        ("billing.invoice.paid.v1", True),
    ],
)
async def test_what_gave_up_about_a_person_is_forgotten_after_a_month(house: House, kind: str, stays: bool) -> None:
    database, table = house["support"].database, support_plumbing.inbox_table
    ages = (DEAD_KEPT + timedelta(hours=1), DEAD_KEPT - timedelta(hours=1))
    async with database.work() as work:
        for age in ages:
            row = {"id": uuid7(), "type": kind, "body": b"Ada", "state": "dead", "last_error": "about Ada"}
            await work.session.execute(insert(table).values(**row, finished_at=func.clock_timestamp() - age))
    await forget_dead_bodies(database, support_plumbing.inbox)
    async with database.read() as session:
        rows = (await session.execute(select(table.c.body, table.c.last_error).order_by(table.c.id))).all()
    kept = ["about Ada" in row.last_error and bytes(row.body) == b"Ada" for row in rows]
    assert kept == [stays, True]
