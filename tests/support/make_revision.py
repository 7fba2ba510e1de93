"""Writes a new alembic revision for one service: `python -m tests.support.make_revision catalog "add coupons"`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from ez.embedded.postgres import EmbeddedPostgres
from shared.database.migrations import ensure_schema, make_revision, upgrade
from tests.support.database import TestDatabase, free_port


async def main(service: str, message: str) -> None:
    """Compares the models with what the migrations make, in a PostgreSQL that is thrown away afterwards."""
    with tempfile.TemporaryDirectory(prefix="ez-revision-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        server = EmbeddedPostgres(Path(directory) / "pg", free_port(), durable=False)
        await server.start()
        try:
            database = TestDatabase(server.admin_url)
            await ensure_schema(database.admin_url, database.url(service), service)
            await upgrade(database.url(service), service)
            await make_revision(database.url(service), service, message)
        finally:
            await server.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
