"""An embedded PostgreSQL of the test's own."""

import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from ez.embedded.postgres import EmbeddedPostgres


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short directory everybody may enter; pytest's own is closed to the account that runs the server."""
    path = Path(tempfile.mkdtemp(prefix="ez-pg-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def server(directory: Path, port: int) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(directory / "postgres", port, durable=False) as running:
        yield running


async def ask(server: EmbeddedPostgres, query: str) -> object:
    connection = await asyncpg.connect(server.admin_url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
