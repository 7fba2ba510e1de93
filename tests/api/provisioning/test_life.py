"""A right is suspended and resumed: its service is off and stays off, whoever wants it on, and then runs again."""

import asyncio
import itertools
from typing import Any

import pytest

from services.provisioning.adapters.capabilities import NeedsHuman, PowerState
from services.provisioning.domain import CREATE, RESUME, SUSPEND, Resource
from services.provisioning.jobs.drift import compare_all
from services.provisioning.use_cases.removal import begin_removals
from shared.contracts.base import Event
from shared.contracts.catalog import (
    EntitlementChanged,
    EntitlementEnded,
    EntitlementRestored,
    EntitlementResumed,
    EntitlementSuspended,
)
from shared.testing import eventually
from tests.support.callers import customer, staff
from tests.support.memory_vps import MemoryMachine
from tests.support.provisioning import SPEC, Provisioning

CALLER = customer()
BIGGER = {**SPEC, "cores": 4, "memory_mb": 8192, "disk_gb": 80}


def machine_of(provisioning: Provisioning, resource: Resource) -> MemoryMachine:
    [machine] = provisioning.memory.carrying(resource.id)
    return machine


async def delivered(provisioning: Provisioning, **changes: Any) -> Resource:
    return await provisioning.deliver(account_id=CALLER.account_id, **changes)


async def suspended(provisioning: Provisioning) -> Resource:
    resource = await delivered(provisioning)
    async with provisioning.working():
        await provisioning.tell(EntitlementSuspended, resource, 2)
        return await provisioning.until(resource.id, lambda found: found.status == "suspended")


async def ended(provisioning: Provisioning) -> Resource:
    resource = await delivered(provisioning)
    async with provisioning.working():
        await provisioning.tell(EntitlementEnded, resource, 2, reason="Canceled by its owner")
        return await provisioning.until(resource.id, lambda found: found.status == "terminated")


async def remove_what_is_over(provisioning: Provisioning) -> None:
    await provisioning.execute("UPDATE provisioning.resources SET remove_at = now() - interval '1 second'")
    await provisioning.database.run(lambda work: begin_removals(work, provisioning.tools))


async def facts(provisioning: Provisioning, name: str) -> list[dict[str, Any]]:
    return await provisioning.facts(f"provisioning.resource.{name}.v1")


async def test_the_reason_of_every_decision_is_kept_in_the_story(provisioning: Provisioning) -> None:
    resource = await delivered(provisioning)
    larger = {"plan_code": "vps-l", "plan_name": "VPS L", "configuration": {}, "spec": BIGGER}
    decided: tuple[tuple[type[Event], str, str, dict[str, Any]], ...] = (
        (EntitlementSuspended, "suspend", "The invoice is not paid", {}),
        (EntitlementResumed, "resume", "It is paid now", {}),
        (EntitlementChanged, "changed", "Asked for in ticket 7", larger),
        (EntitlementEnded, "terminate", "Canceled by its owner", {}),
        (EntitlementRestored, "restore", "Canceled by mistake", {}),
    )
    async with provisioning.working():
        for version, (kind, verb, reason, more) in enumerate(decided, 2):
            await provisioning.tell(kind, resource, version, reason=reason, **more)

            async def told(verb: str = verb, reason: str = reason) -> bool:
                return await provisioning.count("resource_history", f"verb = '{verb}' AND reason = '{reason}'") == 1

            await eventually(told, what=f"why: {verb}")


@pytest.mark.bug("FOSSBilling/Proxmox #19")
@pytest.mark.parametrize("begun", [False, True])
async def test_a_click_before_the_suspension_does_not_run_it_after(provisioning: Provisioning, begun: bool) -> None:
    resource = await delivered(provisioning)
    gate = asyncio.Event()
    if begun:
        provisioning.memory.gates["reboot"] = gate
    async with provisioning.client(CALLER) as client:
        answer = await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "reboot"})
    async with provisioning.working():
        if begun:
            await provisioning.until_job(lambda job: job.begun, intent="reboot")
        await provisioning.tell(EntitlementSuspended, resource, 2)
        clicked = await provisioning.job(id=answer.json()["job_id"])
        assert (clicked.state, clicked.last_error) == ("canceled", "Replaced by suspend")
        gate.set()
        # The one that was inside a call loses its lease; the suspension begins when that is over for certain.
        await provisioning.execute("UPDATE provisioning.jobs SET next_attempt_at = now() WHERE state = 'ready'")
        await provisioning.until(resource.id, lambda found: found.status == "suspended")
    assert machine_of(provisioning, resource).power is PowerState.STOPPED


async def test_the_successor_of_a_job_in_hand_waits_until_its_lease_is_over(provisioning: Provisioning) -> None:
    resource = await delivered(provisioning)
    gate = provisioning.memory.gates["reboot"] = asyncio.Event()
    async with provisioning.client(CALLER) as client:
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "reboot"})
    async with provisioning.working():
        held = await provisioning.until_job(lambda job: job.begun, intent="reboot")
        await provisioning.tell(EntitlementSuspended, resource, 2)
        waiting = await provisioning.job(intent=SUSPEND)
        gate.set()
    assert waiting.next_attempt_at >= held.next_attempt_at
    assert waiting.attempts == 0


async def test_a_suspension_during_delivery_waits_for_it_and_then_holds(provisioning: Provisioning) -> None:
    gate = provisioning.memory.gates["configure"] = asyncio.Event()
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until_job(lambda job: job.step("configure").state == "active", intent=CREATE)
        await provisioning.tell(EntitlementSuspended, resource, 2)
        gate.set()
        await provisioning.until(resource.id, lambda found: found.status == "suspended")
    assert machine_of(provisioning, resource).power is PowerState.STOPPED
    assert len(await facts(provisioning, "activated")) == len(await facts(provisioning, "suspended")) == 1


async def test_a_delivery_that_staff_retry_for_a_suspended_right_ends_suspended(provisioning: Provisioning) -> None:
    provisioning.memory.fail("start", NeedsHuman("no"))
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
        await provisioning.tell(EntitlementSuspended, resource, 2)
        await provisioning.until_job(lambda job: job.state == "canceled", intent=SUSPEND)
        job = await provisioning.job(intent=CREATE)
        async with provisioning.client(staff("operations")) as client:
            assert (await client.post(f"/api/v1/staff/jobs/{job.id}/retry")).status_code == 202
        await provisioning.until(resource.id, lambda found: found.status == "suspended")
    assert machine_of(provisioning, resource).power is PowerState.STOPPED


async def test_a_resumed_service_runs_again(provisioning: Provisioning) -> None:
    resource = await suspended(provisioning)
    async with provisioning.working():
        await provisioning.tell(EntitlementResumed, resource, 3)
        await provisioning.until(resource.id, lambda found: found.status == "active")
    machine = machine_of(provisioning, resource)
    assert (machine.power, machine.held) == (PowerState.RUNNING, False)
    assert [fact["resource_id"] for fact in await facts(provisioning, "resumed")] == [resource.id]


async def test_a_suspension_that_has_not_begun_is_replaced_by_the_resumption(provisioning: Provisioning) -> None:
    resource = await delivered(provisioning)
    boots = machine_of(provisioning, resource).boots
    await provisioning.tell(EntitlementSuspended, resource, 2)
    await provisioning.tell(EntitlementResumed, resource, 3)
    async with provisioning.working():
        await provisioning.until_job(lambda job: job.state == "done", intent=RESUME)
    assert (await provisioning.job(intent=SUSPEND)).state == "canceled"
    assert (await provisioning.resource(id=resource.id)).status == "active"
    assert machine_of(provisioning, resource).boots == boots
    assert await facts(provisioning, "suspended") == []


@pytest.mark.parametrize("order", list(itertools.permutations([2, 3, 4])))
async def test_facts_about_a_right_lead_to_the_same_end_in_any_order_and_twice(
    provisioning: Provisioning, order: tuple[int, ...]
) -> None:
    """Suspended, resumed and suspended again: the newest counts."""
    resource = await delivered(provisioning)
    kinds = {2: EntitlementSuspended, 3: EntitlementResumed, 4: EntitlementSuspended}
    async with provisioning.working():
        for version in (*order, *order):
            await provisioning.tell(kinds[version], resource, version)
        await provisioning.until(resource.id, lambda found: found.status == "suspended" and not found.pending)
    assert machine_of(provisioning, resource).power is PowerState.STOPPED


async def test_a_fact_before_its_grant_waits_for_it(provisioning: Provisioning) -> None:
    resource = await delivered(provisioning)
    ghost = await provisioning.resource(id=resource.id)
    ghost.entitlement_id = "ent_01k4p6xq0efh2tbr5j0c9w3m7z"
    await provisioning.tell(EntitlementSuspended, ghost, 2)
    assert await provisioning.count("inbox", "state = 'ready' AND type = 'catalog.entitlement.suspended.v1'") == 1
    assert await provisioning.count("inbox", "last_error LIKE '%not been granted here yet%'") == 1


async def test_a_suspended_machine_that_somebody_started_elsewhere_is_stopped_again_and_flagged(
    provisioning: Provisioning,
) -> None:
    resource = await suspended(provisioning)
    machine = machine_of(provisioning, resource)
    machine.power = PowerState.RUNNING
    found = await compare_all(provisioning.database, provisioning.tools, provisioning.pool)
    assert found["proxmox/vps"].running == (resource.id,)
    again = await compare_all(provisioning.database, provisioning.tools, provisioning.pool)
    assert again["proxmox/vps"].running == (), "one job is under way"
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: not found.pending and found.power == "stopped")
    assert machine.power is PowerState.STOPPED
    assert len(await facts(provisioning, "suspended")) == 1
    assert await provisioning.count("resource_history", "verb IN ('started_elsewhere', 'stopped_again')") == 2
