"""All five services composed as `ez` composes them, on one migrated database, in this process."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import pytest_asyncio

from ez.embedded.environment import build_environment, ports_from
from ez.embedded.secrets import fresh
from ez.services import NAMES, compose
from shared.messaging import LocalBroker, LocalTransport
from shared.web.service import Service
from tests.support.callers import TOKEN_KEYS
from tests.support.clones import Clones

PORTS = ports_from(8000)


@contextmanager
def house_environment(monkeypatch: pytest.MonkeyPatch, admin_url: str) -> Iterator[dict[str, str]]:
    """The environment of an embedded instance, with the tests' signing keys."""
    values = build_environment(PORTS, fresh(), admin_url) | {"EZ_TOKEN_KEYS": TOKEN_KEYS, "EZ_ENVIRONMENT": "test"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    yield values


@asynccontextmanager
async def composed(clones: Clones) -> AsyncIterator[dict[str, Service]]:
    """Every service by name, over a database of their own."""
    database = await clones.take()
    with pytest.MonkeyPatch.context() as monkeypatch, house_environment(monkeypatch, database.admin_url):
        for name in NAMES:
            monkeypatch.setenv(f"{name.upper()}_DATABASE_URL", database.url(name))
        broker = LocalBroker()
        services = {name: compose(name, LocalTransport(broker)) for name in NAMES}
        yield services
        for service in services.values():
            await service.database.close()
    await clones.give_back(database)


@pytest_asyncio.fixture(scope="module")
async def house(clones: Clones) -> AsyncIterator[dict[str, Service]]:
    """Every service, for all tests of a file that only look: to compose five and describe them takes seconds."""
    async with composed(clones) as services:
        yield services


@pytest_asyncio.fixture
async def empty_house(clones: Clones) -> AsyncIterator[dict[str, Service]]:
    """Every service, for one test that writes."""
    async with composed(clones) as services:
        yield services
