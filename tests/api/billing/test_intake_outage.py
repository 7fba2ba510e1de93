"""Intake while PostgreSQL is away: never a 200, and the first delivery after its return is stored at once."""

import asyncio
import tempfile
import time
from pathlib import Path

import pytest

from ez.embedded.postgres import EmbeddedPostgres
from shared.database.migrations import ensure_schema, upgrade
from tests.api.billing.conftest import Billing, running_billing
from tests.support.callers import bearer, staff
from tests.support.database import TestDatabase, free_port
from tests.support.stripe_payloads import event


async def deliver_some(billing: Billing, number: int) -> list[tuple[str, int, str | None]]:
    made = [event("customer.created", {"id": "cus_1"}) for _ in range(number)]
    answers = await asyncio.gather(*(billing.deliver(item) for item in made))
    return [
        (item["id"], answer.status_code, answer.headers.get("retry-after"))
        for item, answer in zip(made, answers, strict=True)
    ]


@pytest.mark.fault(12)
async def test_while_the_database_is_away_stripe_is_told_to_retry_and_nothing_acknowledged_is_lost() -> None:
    with tempfile.TemporaryDirectory(prefix="ez-outage-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        server = EmbeddedPostgres(Path(directory) / "pg", free_port(), durable=True)
        await server.start()
        try:
            database = TestDatabase(server.admin_url)
            await ensure_schema(database.admin_url, database.url("billing"), "billing")
            await upgrade(database.url("billing"), "billing")
            async for billing in running_billing(database.url("billing")):
                await _goes_away_and_returns(billing, server)
        finally:
            await server.stop()


async def _goes_away_and_returns(billing: Billing, server: EmbeddedPostgres) -> None:
    before = await deliver_some(billing, 20)
    assert {status for _id, status, _retry in before} == {200}

    await server.stop()
    refused = await deliver_some(billing, 20)
    assert {(status, retry) for _id, status, retry in refused} == {(503, "1")}
    listed = await billing.client.get("/api/v1/staff/stripe-events", headers=bearer(staff()))
    assert listed.status_code == 503
    assert int(listed.headers["retry-after"]) >= 1

    await server.start()
    back, answers = time.monotonic(), []
    while not answers or answers[-1][1] != 200:
        answers += await deliver_some(billing, 1)
        assert time.monotonic() - back < 5
    acknowledged = {identity for identity, status, _retry in [*before, *refused, *answers] if status == 200}
    stored = {row["id"] for row in await billing.rows("stripe_events", "id")}
    assert acknowledged <= stored
    assert not stored & {identity for identity, _status, _retry in refused}
