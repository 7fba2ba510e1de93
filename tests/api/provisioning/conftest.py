"""Provisioning over a fresh database, with a hypervisor in memory."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.database import TestDatabase
from tests.support.provisioning import Provisioning


@pytest_asyncio.fixture
async def provisioning(fresh_database: TestDatabase) -> AsyncIterator[Provisioning]:
    """One process of provisioning, closed at the end."""
    process = Provisioning(fresh_database)
    yield process
    await process.close()
