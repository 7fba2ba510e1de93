"""PostgreSQL is killed while a real API takes deliveries, and comes back."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from ez.embedded.postgres import EmbeddedPostgres
from services.billing.adapters.intake import LARGEST_FLUSH, Intake, StoreAway
from shared.database.migrations import ensure_schema, upgrade
from shared.testing import eventually
from tests.faults.intake.processes import Api, BillingProcesses
from tests.support.database import TestDatabase, free_port
from tests.support.stripe_payloads import event
from tests.unit.billing.test_intake_queue import Memory, incoming

SENDERS = 8


@pytest_asyncio.fixture
async def server() -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL that may be killed, with billing's schema."""
    with tempfile.TemporaryDirectory(prefix="ez-outage-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        async with EmbeddedPostgres(Path(directory) / "pg", free_port(), durable=True) as running:
            url = TestDatabase(running.admin_url).url("billing")
            await ensure_schema(running.admin_url, url, "billing")
            await upgrade(url, "billing")
            yield running


@dataclass
class Stripe:
    """Delivers event after event, and keeps what it was told."""

    api: Api
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    over: bool = False

    async def deliver_on(self) -> None:
        """One delivery after the other until it is over."""
        while not self.over:
            await self.deliver(event("customer.created", {"id": "cus_1"}))

    async def deliver(self, item: dict[str, Any]) -> int:
        """One delivery; its status."""
        answer = await self.api.deliver(item)
        self.events[item["id"]], self.answers[item["id"]] = item, answer
        return answer.status_code

    def having(self, status: int) -> set[str]:
        """The events that were answered with this status last."""
        return {identity for identity, answer in self.answers.items() if answer.status_code == status}


@pytest.mark.fault(12)
async def test_a_database_killed_during_intake_is_503_and_never_200_for_what_is_not_stored(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    processes = BillingProcesses(TestDatabase(server.admin_url).url("billing"), tmp_path)
    try:
        [api] = await processes.serve()
        stripe = Stripe(api)
        sending = [asyncio.create_task(stripe.deliver_on()) for _ in range(SENDERS)]
        await eventually(lambda: _enough(stripe, 200, 100), what="deliveries acknowledged")
        await _kill(server)
        await eventually(lambda: _enough(stripe, 503, 50), what="deliveries refused")
        while_away = set(stripe.answers)
        await server.start()
        await eventually(lambda: _newly(stripe, while_away), what="deliveries acknowledged again")
        stripe.over = True
        await asyncio.gather(*sending)
        assert set(stripe.answers) == stripe.having(200) | stripe.having(503)
        assert all(int(stripe.answers[identity].headers["retry-after"]) >= 1 for identity in stripe.having(503))
        assert stripe.having(200) <= await _stored(server)
        # Stripe sends again what was refused; a row whose commit was confirmed to nobody is met as a duplicate.
        for identity in sorted(stripe.having(503)):
            assert await stripe.deliver(stripe.events[identity]) == 200
        assert await _stored(server) == set(stripe.events)
    finally:
        await processes.stop()


@pytest.mark.fault(12)
async def test_whoever_queued_up_behind_a_database_that_hangs_is_turned_away_with_the_first() -> None:
    """Each further attempt would cost them another timeout, and their sender has one of its own."""
    store = Memory()
    store.failures = [TimeoutError() for _ in range(10)]
    store.gate.clear()
    intake = Intake(store, lambda: None)
    waiting = [asyncio.create_task(intake.store(incoming(number))) for number in range(5 * LARGEST_FLUSH)]
    await asyncio.sleep(0)
    store.gate.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreAway}
    assert len(store.failures) == 9, "the queue asked a database that hangs again and again"
    store.failures = []
    await intake.store(incoming(9_999))
    assert store.batches == [["evt_9999"]]


async def _enough(stripe: Stripe, status: int, count: int) -> bool:
    return len(stripe.having(status)) >= count


async def _newly(stripe: Stripe, known: set[str]) -> bool:
    return len(stripe.having(200) - known) >= 50


async def _kill(server: EmbeddedPostgres) -> None:
    """SIGQUIT: every backend ends at once, nothing is flushed or answered."""
    assert server._server is not None
    server._server.send_signal(signal.SIGQUIT)
    await asyncio.to_thread(server._server.wait, 20)


async def _stored(server: EmbeddedPostgres) -> set[str]:
    connection = await asyncpg.connect(server.admin_url)
    try:
        return {row["id"] for row in await connection.fetch("SELECT id FROM billing.stripe_events")}
    finally:
        await connection.close()
