"""One loaded database with the five services over it, in this process, and somebody to ask about."""

import os
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import asyncpg
import httpx

from ez.seeding import seed_catalogue
from ez.services import NAMES, compose
from shared.kernel import encode_id
from shared.messaging import LocalBroker, LocalTransport
from shared.web.service import Service
from tests.support.callers import TOKEN_KEYS, bearer, customer, service_bearer, staff

SAMPLES = 400
FIRST_SERIAL = 100_001
_TOKEN_SECONDS = 30.0  # of the sixty that a token lives
NEWEST = 300  # orders still in hand, at the end


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was fulfilled some time ago, with everything of it that a read may name."""

    id: str
    number: str
    account: str
    user: str
    email: str
    token: str
    host: str
    service: str
    entitlement: str
    ipv4: str
    job: str
    invoice: str
    stripe_customer: str
    subscription: str
    session: str


@dataclass
class World:
    """The services over one database, and samples from everywhere in it.

    `big` is the account with the most orders. `middle` is, by list, the key where a deep page begins.
    """

    size: int
    admin_url: str
    services: Mapping[str, Service]
    clients: Mapping[str, httpx.AsyncClient]
    orders: list[Order]
    tickets: list[tuple[str, str]]
    events: list[str]
    big: str
    middle: dict[str, str]
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    _tokens: dict[str, tuple[float, dict[str, str]]] = field(default_factory=dict)

    def order(self) -> Order:
        """Some order."""
        return self.dice.choice(self.orders)

    async def get(self, service: str, path: str, account: str | None = None, user: str | None = None) -> None:
        """One request through the service's real app, as a person of `account`, or as staff without one."""
        headers = self._headers(f"{account} {user}", lambda: _caller(account, user))
        answer = await self.clients[service].get(path, headers=headers)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text[:300]}")

    async def resolve(self, token: str) -> None:
        """What the gateway asks identity for every request with a session."""
        headers = self._headers("gateway", lambda: service_bearer("gateway", "identity"))
        answer = await self.clients["identity"].post(
            "/internal/sessions/resolve", json={"token": token}, headers=headers
        )
        if answer.status_code not in (200, 401):
            raise RuntimeError(f"resolving a session answered {answer.status_code}: {answer.text[:300]}")

    def _headers(self, who: str, sign: Callable[[], dict[str, str]]) -> dict[str, str]:
        """A token is used again for a while, as the gateway does."""
        made, headers = self._tokens.get(who, (0.0, {}))
        if time.monotonic() - made > _TOKEN_SECONDS:
            made, headers = time.monotonic(), sign()
            self._tokens[who] = made, headers
        return headers

    async def close(self) -> None:
        """Closes every connection."""
        for client in self.clients.values():
            await client.aclose()
        for service in self.services.values():
            await service.database.close()


def _caller(account: str | None, user: str | None) -> dict[str, str]:
    caller = customer(account) if account else staff()
    return bearer(replace(caller, subject=user) if user else caller)


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """The environment of a deployment, with keys that `tests.support.callers` can sign for."""
    with patch.dict(os.environ, {**values, "EZ_TOKEN_KEYS": TOKEN_KEYS, "EZ_ENVIRONMENT": "test"}):
        yield


def compose_all(values: Mapping[str, str]) -> dict[str, Service]:
    """Every service by name, composed as `ez` composes them."""
    with environment(values):
        broker = LocalBroker()
        return {name: compose(name, LocalTransport(broker)) for name in NAMES}


async def seed(values: Mapping[str, str]) -> None:
    """The catalogue that orders refer to."""
    with environment(values):
        catalog = compose("catalog", LocalTransport(LocalBroker()))
    await seed_catalogue(catalog)
    await catalog.database.close()


async def enter(values: Mapping[str, str], admin_url: str, size: int) -> World:
    """The world over a database that was loaded with `size` orders."""
    services = compose_all(values)
    clients = {
        name: httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url=f"http://{name}")
        for name, service in services.items()
    }
    connection = await asyncpg.connect(admin_url)
    try:
        numbers = random.Random(7).sample(range(size - NEWEST), min(SAMPLES, size - NEWEST))
        orders = await connection.fetch(_ORDERS, [f"EZ-{FIRST_SERIAL + number}" for number in numbers])
        tickets = await connection.fetch(_TICKETS, SAMPLES)
        events = await connection.fetch("SELECT id FROM billing.stripe_events ORDER BY md5(id) LIMIT $1", SAMPLES)
        big = await connection.fetchval("SELECT account_id FROM catalog.orders WHERE number = $1", f"EZ-{FIRST_SERIAL}")
        middle = {name: await connection.fetchval(query, size) for name, query in _MIDDLES.items()}
    finally:
        await connection.close()
    return World(
        size,
        admin_url,
        services,
        clients,
        orders=[_order(row) for row in orders],
        tickets=[(encode_id("tkt", row["id"]), encode_id("acc", row["account_id"])) for row in tickets],
        events=[row["id"] for row in events],
        big=encode_id("acc", big),
        middle={name: _key(name, value) for name, value in middle.items()},
    )


def _order(row: asyncpg.Record) -> Order:
    return Order(
        id=encode_id("ord", row["id"]),
        number=row["number"],
        account=encode_id("acc", row["account_id"]),
        user=encode_id("usr", row["placed_by"]),
        email=row["email"],
        token=f"ezs_{int(row['email'].removeprefix('customer-').partition('@')[0]):043d}",
        host=row["name"],
        service=encode_id("svc", row["service"]),
        entitlement=encode_id("ent", row["entitlement_id"]),
        ipv4=row["ipv4"],
        job=encode_id("job", row["job"]),
        invoice=encode_id("inv", row["invoice"]),
        stripe_customer=row["stripe_customer_id"],
        subscription=row["stripe_subscription_id"],
        session=row["stripe_session_id"],
    )


def _key(name: str, value: Any) -> str:
    prefix = name.partition(" ")[0]
    return encode_id(prefix, value) if isinstance(value, uuid.UUID) else str(value)


_ORDERS = """
    SELECT o.id, o.number, o.account_id, o.placed_by, u.email, r.name, r.id AS service,
           r.entitlement_id, r.address AS ipv4,
           j.id AS job, i.id AS invoice, c.stripe_customer_id, c.stripe_subscription_id, c.stripe_session_id
      FROM catalog.orders o
      JOIN identity.users u ON u.id = o.placed_by
      JOIN provisioning.resources r ON r.order_id = o.id
      JOIN provisioning.jobs j ON j.resource_id = r.id AND j.intent = 'create'
      JOIN billing.invoices i ON i.order_id = o.id AND i.status <> 'draft'
      JOIN billing.checkouts c ON c.order_id = o.id
     WHERE o.number = ANY ($1) AND o.status = 'fulfilled'
"""
_BIG_MIDDLE = """
    SELECT id FROM {} WHERE account_id = (SELECT account_id FROM catalog.orders WHERE number = 'EZ-100001')
     ORDER BY id OFFSET $1 / 250 LIMIT 1
"""
_TICKETS = "SELECT id, account_id FROM support.tickets ORDER BY md5(id::text) LIMIT $1"
# The first word is the prefix of the key's id.
_MIDDLES = {
    "ord": "SELECT id FROM catalog.orders ORDER BY id OFFSET $1 / 2 LIMIT 1",
    "ord big": _BIG_MIDDLE.format("catalog.orders"),
    "inv big": _BIG_MIDDLE.format("billing.invoices"),
    "svc": "SELECT id FROM provisioning.resources ORDER BY id OFFSET $1 / 2 LIMIT 1",
    "svc big": _BIG_MIDDLE.format("provisioning.resources"),
    "job": "SELECT id FROM provisioning.jobs ORDER BY id OFFSET $1 / 2 LIMIT 1",
    "tkt": "SELECT id FROM support.tickets ORDER BY id OFFSET $1 / 20 LIMIT 1",
    "ntf": "SELECT id FROM support.notifications ORDER BY id OFFSET $1 / 8 LIMIT 1",
    "seq": "SELECT seq FROM billing.stripe_events ORDER BY seq OFFSET $1 / 8 LIMIT 1",
}
