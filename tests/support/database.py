"""A real PostgreSQL for tests: one server per test process, one migrated template, one clone of it per test."""

import contextlib
import itertools
import os
import random
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from ez.embedded.postgres import EmbeddedPostgres
from shared.database import engine
from shared.database.migrations import ensure_schema, upgrade
from tests.support.clones import SERVICES, Clones, TestDatabase, administer, in_database

__all__ = ["SERVICES", "TestDatabase", "clones", "free_port", "fresh_database", "migrated_template", "postgres_server"]

# On a busy machine PostgreSQL may take longer to start a process than a service may wait for it.
engine.CONNECT_TIMEOUT = 20.0


# Below the ports that the kernel gives to outgoing connections (32768 and up), each worker of a test run with its own.
_FIRST_PORT, _PORTS_EACH, _SLICES = 10_000, 2_500, 4
_slice = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SLICES
_ports = itertools.cycle(range(_FIRST_PORT + _slice * _PORTS_EACH, _FIRST_PORT + (_slice + 1) * _PORTS_EACH))
for _ in range(random.randrange(_PORTS_EACH)):
    next(_ports)


def free_port() -> int:
    """A TCP port nobody listens on, and nobody is told of again soon: whoever binds it may take a while to start."""
    for port in itertools.islice(_ports, _PORTS_EACH):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


@pytest_asyncio.fixture(scope="session")
async def postgres_server() -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL of our own, without fsync: its data may die with the test run."""
    with tempfile.TemporaryDirectory(prefix="ez-test-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        server = EmbeddedPostgres(Path(directory) / "pg", free_port(), durable=False)
        await server.start()
        # Statistics that appear in the middle of a test would change its plans, and make its database one of a kind.
        await administer(server.admin_url, "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
        try:
            yield server
        finally:
            await server.stop()


@pytest_asyncio.fixture(scope="session")
async def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database that `ez migrate` would have made; tests clone it and never touch it."""
    name = f"template_{os.getpid()}"
    await administer(postgres_server.admin_url, f"CREATE DATABASE {name}")
    template = TestDatabase(in_database(postgres_server.admin_url, name))
    for service in SERVICES:
        await ensure_schema(template.admin_url, template.url(service), service)
        await upgrade(template.url(service), service)
    return name


@pytest_asyncio.fixture(scope="session")
async def clones(postgres_server: EmbeddedPostgres, migrated_template: str) -> Clones:
    """Where tests get their databases from."""
    return Clones(postgres_server.admin_url, migrated_template)


@pytest_asyncio.fixture
async def fresh_database(clones: Clones) -> AsyncIterator[TestDatabase]:
    """An empty, fully migrated database for one test."""
    database = await clones.take()
    yield database
    await clones.give_back(database)
