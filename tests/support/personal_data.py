"""People put into all five schemas, by what services do when somebody signs up, orders and writes; and found again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import httpx
from sqlalchemy import insert, text

from ez.seeding import seed_catalogue
from services.billing.domain import StripeEvent
from services.support.adapters.tables import plumbing as support_plumbing
from shared.contracts import Event, billing, catalog, provisioning
from shared.contracts.base import EVENTS
from shared.database import Database, UnitOfWork
from shared.kernel import Principal, new_id
from shared.kernel.ids import uuid7
from shared.messaging import Consumer, Message, NotConfirmed, Relay, decode, encode
from shared.web.service import Service
from tests.support.callers import bearer, customer

House = dict[str, Service]
PASSWORD = "velvet-otter-piano-71"
ADA, EVE = "zyxwina", "bystander"
NOW = datetime.now(UTC)


class Wire:
    """A transport that confirms everything, and hands it to whoever listens."""

    connected = True

    def __init__(self, consumers: Sequence[Consumer]) -> None:
        self._consumers = consumers

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        for message in messages:
            for consumer in self._consumers:
                if EVENTS[message.wire_type] in consumer._handlers:  # as its subscriptions say
                    await consumer.receive(message)
        return [None] * len(messages)


@dataclass
class Person:
    """Somebody whose name, address and network are found wherever they were put."""

    word: str
    principal: Principal

    @property
    def account_id(self) -> str:
        return str(self.principal.account_id)

    @property
    def email(self) -> str:
        return f"{self.word}@mail.example"

    @property
    def address(self) -> str:
        return f"2001:db8::{len(self.word):x}{ord(self.word[0]):x}"

    @property
    def marks(self) -> tuple[str, ...]:
        return self.word, self.address


def consumer_of(house: House, service: str) -> Consumer:
    """The consumer that the service's own worker runs."""
    consumer = house[service].worker._consumer
    assert consumer is not None
    return consumer


async def hear(house: House, service: str, event: Event) -> None:
    event_id = uuid7()
    body = encode(event, event_id, datetime.now(UTC), None)
    await consumer_of(house, service).receive(Message(str(event_id), event.wire_type, body))


async def call(service: Service, method: str, path: str, **options: Any) -> Any:
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{service.name}") as client:
        answer = await client.request(method, path, **options)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def published(service: Service) -> list[Event]:
    async with service.database.read() as session:
        bodies = (await session.execute(text("SELECT body FROM outbox ORDER BY id"))).scalars()
        return [decode(bytes(body)).event() for body in bodies if body]


async def sign_up(house: House, word: str) -> Person:
    """Signs up and in; the facts are sent and handled."""
    identity = house["identity"]
    email = f"{word}@mail.example"
    person = {"email": email, "password": PASSWORD, "name": f"{word.title()} Person"}
    await call(identity, "POST", "/api/v1/users", json=person)
    (registered,) = [event for event in await published(identity) if event.wire_type.endswith("user.registered.v1")]
    made = Person(word, customer(registered.account_id))  # type: ignore[attr-defined]  # a UserRegistered
    await _as_in_life(identity.database, registered.subject, made)
    outbox = import_module("services.identity.adapters.tables").plumbing.outbox
    wire = Wire([consumer_of(house, "billing"), consumer_of(house, "support")])
    await Relay(identity.database, outbox, wire).relay_batch()  # type: ignore[arg-type]  # as much of it as is used
    return made


async def _as_in_life(database: Database, user_id: str, person: Person) -> None:
    """A session, a line of history that says where it came from, and a key that is called like its owner."""
    domain = import_module("services.identity.domain")

    async def change(work: UnitOfWork) -> None:
        user = await work.session.get(domain.User, user_id)
        session, _token = domain.Session.open(user_id, person.address, f"{person.word}-browser", NOW)
        work.add(session)
        assert user is not None
        key = {"kind": "ssh-ed25519", "fingerprint": f"SHA256:{person.word}", "added_by": user_id, "created_at": NOW}
        public_key = f"ssh-ed25519 AAAA {person.word}@laptop"
        work.add(
            domain.SshKey(
                id=new_id("key"), account_id=person.account_id, name=person.word, public_key=public_key, **key
            )
        )
        user.note("signed_in", at=NOW, by=user_id, detail={"ip": person.address})

    await database.run(change)


async def buy(house: House, person: Person) -> None:
    """Orders a server that is called like its owner, and hears that it failed; writes to support about it."""
    shop = house["catalog"]
    await seed_catalogue(shop)
    plan = next(event for event in await published(shop) if isinstance(event, catalog.PlanPublished))
    for price in plan.prices:
        synced = billing.PriceSynced(
            price_id=price.price_id,
            plan_id=plan.plan_id,
            plan_version=plan.version,
            stripe_product_id="prod_1",
            stripe_price_id=f"price_{price.price_id}",
        )
        await hear(house, "catalog", synced)
    item = {"plan": plan.code, "interval": "month", "configuration": {"hostname": f"{person.word}-box"}}
    placed = await call(
        shop,
        "POST",
        "/api/v1/orders",
        json={"currency": plan.prices[0].currency, "items": [item]},
        headers=bearer(person.principal) | {"Idempotency-Key": f"of-{person.word}-{new_id('key')}"},
    )
    await deliver(house, person, placed["id"])


async def deliver(house: House, person: Person, order_id: str) -> None:
    about = {"entitlement_id": new_id("ent"), "order_id": order_id, "account_id": person.account_id}
    granted = catalog.EntitlementGranted(
        **about,
        order_number="EZ-1",
        item_id=new_id("itm"),
        product_type="vps",
        plan_code="vps-s",
        plan_name="VPS S",
        hostname=f"{person.word}-box",
        template="debian-13",
        spec={"cores": 2, "memory_mb": 4096, "disk_gb": 40, "transfer_tb": 4},
        version=1,
    )
    await hear(house, "provisioning", granted)
    service = {**about, "resource_id": new_id("svc"), "name": f"{person.word}-box", "version": 2}
    for event in (
        provisioning.ResourceActivated(**service, product_type="vps", plan_name="VPS S", activated_at=NOW),
        provisioning.ResourceFailed(**{**service, "version": 3}, reason=f"no room for {person.word}-box"),
    ):
        await hear(house, "support", event)
    ticket = {"subject": f"I am {person.word}", "body": f"Call me at {person.email}", "priority": "normal"}
    await call(house["support"], "POST", "/api/v1/tickets", json=ticket, headers=bearer(person.principal))


async def stripe_tells(house: House, person: Person) -> None:
    """Stripe knows the account as a customer, and its event names them."""
    database = house["billing"].database
    customer_id = f"cus_{person.word}x"
    async with database.work() as work:
        await work.session.execute(
            text("UPDATE payers SET stripe_customer_id = :customer WHERE email = :email"),
            {"customer": customer_id, "email": person.email},
        )
        session = f'{{"data": {{"object": {{"customer": "{customer_id}", "email": "{person.email}"}}}}}}'
        work.add(
            StripeEvent(
                id=f"evt_{person.word}",
                type="checkout.session.completed",
                stripe_created_at=NOW,
                livemode=False,
                object_id=f"cs_{person.word}",
                payload=session,
                outcome="paid",
                state="done",
            )
        )


async def give_up(house: House, person: Person) -> None:
    """A fact about the person that support cannot handle, and one it does not understand."""
    inbox = support_plumbing.inbox_table
    async with house["support"].database.work() as work:
        for kind, state in (("identity.user.registered.v1", "dead"), ("identity.person.praised.v1", "ready")):
            body = f'{{"account_id": "{person.account_id}", "email": "{person.email}"}}'.encode()
            row = {"id": uuid7(), "type": kind, "body": body, "state": state, "finished_at": NOW}
            await work.session.execute(insert(inbox).values(**row, next_attempt_at=NOW + timedelta(minutes=9)))


async def traces(database: Database, person: Person) -> dict[tuple[str, str], int]:
    """Every column of the schema in which the person is found, with the number of rows; by looking at all of them."""
    listed = text(
        "SELECT table_name, array_agg(column_name::text), array_agg(data_type::text) FROM information_schema.columns"
        " WHERE table_schema = :schema GROUP BY table_name"
    )
    marks = {"marks": [f"%{mark}%" for mark in person.marks]}
    found: dict[tuple[str, str], int] = {}
    async with database.read() as session:
        for table, columns, kinds in (await session.execute(listed, {"schema": database.schema})).all():
            counted = ", ".join(
                f"count(*) FILTER (WHERE {_as_text(column, kind)} ILIKE ANY(CAST(:marks AS text[])))"
                for column, kind in zip(columns, kinds, strict=True)
            )
            counts = (await session.execute(text(f'SELECT {counted} FROM "{table}"'), marks)).one()
            found |= {(table, column): rows for column, rows in zip(columns, counts, strict=True) if rows}
    return found


def _as_text(column: str, kind: str) -> str:
    return f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
