"""A real PostgreSQL for tests: one server per test process, one migrated template, one clone of it per test."""

import itertools
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest_asyncio

from ez.embedded.postgres import EmbeddedPostgres
from shared.database.migrations import ensure_schema, upgrade

SERVICES = ("identity", "billing", "catalog", "provisioning", "support")
_numbers = itertools.count(1)


def free_port() -> int:
    """A TCP port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class TestDatabase:
    """One database with all five schemas, reachable as the administrator or as any service's own role."""

    __test__ = False
    admin_url: str

    def url(self, service: str) -> str:
        """The address with which this service connects."""
        parts = urlsplit(self.admin_url)
        return urlunsplit(parts._replace(netloc=f"ez_{service}:test-{service}@{parts.hostname}:{parts.port}"))


def _in_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _admin(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="session")
async def postgres_server() -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL of our own, without fsync: its data may die with the test run."""
    with tempfile.TemporaryDirectory(prefix="ez-test-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        server = EmbeddedPostgres(Path(directory) / "pg", free_port(), durable=False)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@pytest_asyncio.fixture(scope="session")
async def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database that `ez migrate` would have made; tests clone it and never touch it."""
    name = f"template_{os.getpid()}"
    await _admin(postgres_server.admin_url, f"CREATE DATABASE {name}")
    template = TestDatabase(_in_database(postgres_server.admin_url, name))
    for service in SERVICES:
        await ensure_schema(template.admin_url, template.url(service), service)
        await upgrade(template.url(service), service)
    return name


@pytest_asyncio.fixture
async def fresh_database(postgres_server: EmbeddedPostgres, migrated_template: str) -> AsyncIterator[TestDatabase]:
    """An empty, fully migrated database for one test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    await _admin(postgres_server.admin_url, f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY file_copy")
    yield TestDatabase(_in_database(postgres_server.admin_url, name))
    await _admin(postgres_server.admin_url, f"DROP DATABASE {name} WITH (FORCE)")
