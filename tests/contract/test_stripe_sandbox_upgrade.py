"""What an older sandbox left behind, its events and its state, serves on in a newer one."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.stripe_sandbox import RunningSandbox, running_sandbox, subscription_session

DAY = 24 * 3600
OLD_STATE = Path(__file__).parent / "data" / "stripe_sandbox_before_test_clocks.sql"


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with running_sandbox() as running:
        yield running


async def test_an_event_keeps_the_version_it_was_made_in_and_its_object_is_read_in_ours(
    sandbox: RunningSandbox,
) -> None:
    await sandbox.faults(event_version="2024-06-20")
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id)
    listed = await sandbox.stripe.v1.events.list_async({"type": "invoice.paid"})
    assert listed.data[0].api_version == "2024-06-20"
    told = listed.data[0].data.object
    assert "parent" not in told
    assert told["subscription"]
    invoice = await sandbox.stripe.v1.invoices.retrieve_async(told["id"])
    assert invoice.parent is not None


async def test_the_state_of_an_older_sandbox_goes_on(tmp_path: Path) -> None:
    """Bought, declined and failing in a sandbox without test clocks and drafts: it renews, is paid and is retried."""
    state = tmp_path / "stripe.sqlite"
    with sqlite3.connect(state) as connection:
        connection.executescript(OLD_STATE.read_text())
    connection.close()
    async with running_sandbox(state_path=state) as sandbox:
        v1 = sandbox.stripe.v1
        [waiting] = (await v1.checkout.sessions.list_async({"status": "open"})).data
        late = (await v1.subscriptions.list_async({"limit": 10})).data
        assert [subscription.status for subscription in late] == ["active", "active"]
        session = await subscription_session(sandbox, customer=str(waiting.customer))
        await sandbox.pay(session.id)
        await sandbox.control.post("/_sandbox/clock", json={"advance_seconds": 60 * DAY})
        deadline = time.monotonic() + 10
        while True:
            statuses = sorted(
                subscription.status for subscription in (await v1.subscriptions.list_async({"status": "all"})).data
            )
            if statuses == ["active", "active", "canceled"]:
                break
            assert time.monotonic() < deadline, statuses
            await asyncio.sleep(0.02)
