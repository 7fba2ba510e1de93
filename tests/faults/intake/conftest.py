"""Billing as a deployment runs it: APIs and workers as processes of their own, on a database of the test's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.api.billing.conftest import billing, sandbox, shop
from tests.faults.intake.processes import BillingProcesses
from tests.support.database import TestDatabase

__all__ = ["billing", "sandbox", "shop"]


@pytest_asyncio.fixture
async def processes(fresh_database: TestDatabase, tmp_path: Path) -> AsyncIterator[BillingProcesses]:
    """Nothing runs yet; whatever the test starts is ended with it."""
    started = BillingProcesses(fresh_database.url("billing"), tmp_path)
    try:
        yield started
    finally:
        await started.stop()
