"""PostgreSQL rolls back some of provisioning's transactions: no machine twice, no attempt used up, nobody told."""

import asyncio

import asyncpg
import pytest

from shared.contracts.catalog import EntitlementGranted
from tests.api.provisioning.conftest import provisioning
from tests.faults.messaging.database_faults import strike_transactions, struck
from tests.support.callers import customer
from tests.support.database import TestDatabase
from tests.support.provisioning import Provisioning, granted

__all__ = ["provisioning"]

pytestmark = pytest.mark.fault(25)

# The next update of a job fails as the loser of a deadlock would, once.
_ONE_DEADLOCK = """
CREATE SEQUENCE public.first;
CREATE FUNCTION public.deadlock_once() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF nextval('public.first') = 1 THEN
        RAISE EXCEPTION 'injected' USING ERRCODE = '40P01';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER deadlock_once AFTER UPDATE ON provisioning.jobs
    FOR EACH STATEMENT EXECUTE FUNCTION public.deadlock_once();
"""


async def test_machines_are_delivered_once_and_at_the_first_attempt_through_struck_transactions(
    provisioning: Provisioning, fresh_database: TestDatabase
) -> None:
    await strike_transactions(fresh_database, "provisioning")
    facts: list[EntitlementGranted] = [granted() for _ in range(30)]
    async with provisioning.working():
        for fact in facts:
            await provisioning.hear(fact)
        for fact in facts:
            resource = await provisioning.resource(entitlement_id=fact.entitlement_id)
            await provisioning.until(resource.id, lambda found: found.status == "active")
    at_statements, at_commits = await struck(fresh_database)
    assert at_statements > 0
    assert at_commits > 0
    assert provisioning.memory.created == 30
    assert len({machine.reference for machine in provisioning.memory.ours}) == 30
    assert await provisioning.count("inbox", "attempts <> 1 OR state <> 'done'") == 0
    assert await provisioning.count("jobs", "attempts <> 1 OR state <> 'done'") == 0
    assert len(await provisioning.facts("provisioning.resource.activated.v1")) == 30


async def test_nobody_who_presses_a_power_button_sees_a_struck_transaction(
    provisioning: Provisioning, fresh_database: TestDatabase
) -> None:
    caller = customer()
    resource = await provisioning.deliver(account_id=caller.account_id)
    await strike_transactions(fresh_database, "provisioning")
    async with provisioning.working(), provisioning.client(caller) as client:
        for number in range(25):
            answer = await client.post(
                f"/api/v1/services/{resource.id}/power",
                json={"action": "reboot"},
                headers={"Idempotency-Key": f"reboot-{number:04}"},
            )
            assert answer.status_code == 202, answer.text
            await provisioning.until(resource.id, lambda found: not found.pending)
    assert sum(await struck(fresh_database)) > 0
    assert provisioning.memory.calls.count("reboot") == 25


async def test_a_deadlock_while_a_lease_is_renewed_does_not_break_off_the_call_to_the_provider(
    fresh_database: TestDatabase,
) -> None:
    provisioning = Provisioning(fresh_database, lease=0.6)
    gate = provisioning.memory.gates["create"] = asyncio.Event()
    resource = await provisioning.grant()
    async with provisioning.database.work() as work:
        [held] = await provisioning.queue.claim(work.session, 1)
    running = asyncio.create_task(provisioning.runner.handle(held))
    while "create" not in provisioning.memory.calls:
        await asyncio.sleep(0.01)
    connection = await asyncpg.connect(fresh_database.admin_url)
    try:
        await connection.execute(_ONE_DEADLOCK)
        while not await connection.fetchval("SELECT is_called FROM public.first"):
            await asyncio.sleep(0.02)
    finally:
        await connection.close()
    gate.set()
    await running
    assert (await provisioning.resource(id=resource.id)).status == "active"
    assert provisioning.memory.calls.count("create") == 1
    await provisioning.close()
