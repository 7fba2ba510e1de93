"""The plumbing of one real schema (support's), for tests of what all services share."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio

from services.support.adapters.tables import plumbing
from shared.database import Database
from shared.messaging import Outbox
from shared.web.service import Plumbing
from tests.support.database import TestDatabase


@dataclass(frozen=True)
class Schema:
    """A database and its plumbing tables."""

    database: Database
    plumbing: Plumbing


@pytest_asyncio.fixture
async def schema(fresh_database: TestDatabase) -> AsyncIterator[Schema]:
    """Support's schema, empty."""
    database = Database(fresh_database.url("support"), "support", outbox=Outbox(plumbing.outbox_table))
    yield Schema(database, plumbing)
    await database.close()
