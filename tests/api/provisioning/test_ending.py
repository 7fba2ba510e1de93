"""A right changes, ends, and is restored: what is sold is what runs, and what is over is kept for its grace."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.provisioning.adapters.capabilities import NeedsHuman, PowerState, ProviderUnavailable
from services.provisioning.domain import CHANGE, CREATE, REMOVE, RESTORE, SUSPEND, TERMINATE, Resource
from services.provisioning.use_cases.removal import begin_removals
from shared.contracts.catalog import (
    EntitlementChanged,
    EntitlementEnded,
    EntitlementRestored,
    EntitlementSuspended,
)
from tests.support.callers import customer
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


async def test_a_suspended_service_is_off_and_held_and_says_so(provisioning: Provisioning) -> None:
    resource = await suspended(provisioning)
    machine = machine_of(provisioning, resource)
    assert (machine.power, machine.held) == (PowerState.STOPPED, True)
    [fact] = await facts(provisioning, "suspended")
    assert (fact["resource_id"], fact["reason"], fact["version"]) == (
        resource.id, "The invoice is not paid", resource.version
    )  # fmt: skip
    async with provisioning.client(CALLER) as client:
        shown = (await client.get(f"/api/v1/services/{resource.id}")).json()
    assert (shown["status"], shown["state"], shown["power"], shown["actions"]) == (
        "suspended", "suspended", "stopped", []
    )  # fmt: skip
    assert shown["timeline"][-1]["title"] == "Suspended"


@pytest.mark.bug("FOSSBilling/Proxmox #19")
async def test_no_route_of_a_customer_starts_a_suspended_service(provisioning: Provisioning) -> None:
    resource = await suspended(provisioning)
    calls = len(provisioning.memory.calls)
    async with provisioning.client(CALLER) as client, provisioning.working():
        for action in ("start", "reboot", "stop"):
            for path, body in (("power", {"action": action}), (f"actions/{action}", None)):
                answer = await client.post(f"/api/v1/services/{resource.id}/{path}", json=body)
                assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "service-not-active")
    assert len(provisioning.memory.calls) == calls
    assert machine_of(provisioning, resource).power is PowerState.STOPPED


async def test_an_ended_service_is_off_and_kept_for_its_grace(provisioning: Provisioning) -> None:
    resource = await ended(provisioning)
    machine = machine_of(provisioning, resource)
    assert (machine.power, machine.held) == (PowerState.STOPPED, True)
    [fact] = await facts(provisioning, "terminated")
    assert fact["removed_at"] is not None
    assert resource.remove_at is not None
    assert timedelta(days=6) < resource.remove_at - provisioning.database.clock.now() <= timedelta(days=7)
    assert await provisioning.database.run(lambda work: begin_removals(work, provisioning.tools)) == 0


async def test_after_its_grace_it_is_deleted_and_its_place_is_free(provisioning: Provisioning) -> None:
    resource = await ended(provisioning)
    assert await provisioning.count("providers", "used = 1") == 1
    await remove_what_is_over(provisioning)
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "removed")
    assert provisioning.memory.machines == {}
    kept, gone = await facts(provisioning, "terminated")
    assert (kept["removed_at"] is None, gone["removed_at"] is None) == (False, True)
    assert await provisioning.count("providers", "used = 0") == 1


async def test_a_service_restored_within_its_grace_runs_again(provisioning: Provisioning) -> None:
    resource = await ended(provisioning)
    async with provisioning.working():
        await provisioning.tell(EntitlementRestored, resource, 3)
        back = await provisioning.until(resource.id, lambda found: found.status == "active")
    machine = machine_of(provisioning, resource)
    assert (machine.power, machine.held, back.remove_at) == (PowerState.RUNNING, False, None)
    await remove_what_is_over(provisioning)
    assert await provisioning.count("jobs", f"intent = '{REMOVE}'") == 0


async def test_a_right_restored_before_the_deletion_began_saves_the_data(provisioning: Provisioning) -> None:
    resource = await ended(provisioning)
    await remove_what_is_over(provisioning)
    await provisioning.tell(EntitlementRestored, resource, 3)
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "active")
    assert (await provisioning.job(intent=REMOVE)).state == "canceled"
    assert provisioning.memory.calls.count("destroy") == 0


async def test_nothing_is_deleted_while_its_right_is_valid_whatever_went_wrong(provisioning: Provisioning) -> None:
    resource = await ended(provisioning)
    provisioning.memory.fail("release", NeedsHuman("no"))
    async with provisioning.working():
        await provisioning.tell(EntitlementRestored, resource, 3)
        await provisioning.until_job(lambda job: job.state == "parked", intent=RESTORE)
        await remove_what_is_over(provisioning)
    assert await provisioning.count("jobs", f"intent = '{REMOVE}'") == 0
    assert len(provisioning.memory.machines) == 1


async def test_ending_replaces_a_delivery_that_runs_and_leaves_no_machine_behind(provisioning: Provisioning) -> None:
    gate = provisioning.memory.gates["configure"] = asyncio.Event()
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until_job(lambda job: job.step("configure").state == "active", intent=CREATE)
        await provisioning.tell(EntitlementEnded, resource, 2)
        gate.set()
        await provisioning.execute("UPDATE provisioning.jobs SET next_attempt_at = now() WHERE state = 'ready'")
        await provisioning.until(resource.id, lambda found: found.status == "terminated")
        await remove_what_is_over(provisioning)
        await provisioning.until(resource.id, lambda found: found.status == "removed")
    assert provisioning.memory.machines == {}
    assert await facts(provisioning, "activated") == []


async def test_what_ends_before_it_was_placed_is_over_at_once(provisioning: Provisioning) -> None:
    resource = await provisioning.grant()
    await provisioning.tell(EntitlementEnded, resource, 2)
    after = await provisioning.resource(id=resource.id)
    assert (after.status, (await provisioning.job(intent=CREATE)).state) == ("removed", "canceled")
    [fact] = await facts(provisioning, "terminated")
    assert fact["removed_at"] is None
    assert provisioning.memory.calls == []


async def test_what_is_delivered_by_hand_can_end_too(provisioning: Provisioning) -> None:
    resource = await provisioning.grant(product_type="domain")
    await provisioning.tell(EntitlementSuspended, resource, 2)
    await provisioning.tell(EntitlementEnded, resource, 3)
    assert (await provisioning.resource(id=resource.id)).status == "removed"


@pytest.mark.parametrize("state", ["running", "stopped", "suspended"])
async def test_a_changed_right_changes_the_machine_and_runs_only_what_ran(
    provisioning: Provisioning, state: str
) -> None:
    resource = await (suspended if state == "suspended" else delivered)(provisioning)
    machine = machine_of(provisioning, resource)
    if state == "stopped":
        machine.power = PowerState.STOPPED
    boots = machine.boots
    wanted = {"plan_code": "vps-l", "plan_name": "VPS L", "spec": BIGGER, "configuration": resource.configuration}
    async with provisioning.working():
        await provisioning.tell(EntitlementChanged, resource, 5, **wanted)
        after = await provisioning.until(resource.id, lambda found: found.plan_code == "vps-l")
    assert machine.spec is not None
    assert (machine.spec.cores, machine.spec.memory_mb, machine.disk_gb) == (4, 8192, 80)
    assert machine.spec.autostart is (state != "suspended")
    assert (machine.power is PowerState.RUNNING) is (state == "running")
    assert machine.boots == boots + (1 if state == "running" else 0)
    assert (after.spec, after.plan_name) == (BIGGER, "VPS L")
    [fact] = await facts(provisioning, "changed")
    assert (fact["plan_code"], fact["version"]) == ("vps-l", after.version)


async def test_a_disk_that_would_shrink_is_refused_with_the_reason(provisioning: Provisioning) -> None:
    resource = await delivered(provisioning)
    wanted = {"plan_code": "vps-xs", "plan_name": "VPS XS", "spec": {**SPEC, "disk_gb": 10}, "configuration": {}}
    async with provisioning.working():
        await provisioning.tell(EntitlementChanged, resource, 5, **wanted)
        job = await provisioning.until_job(lambda job: job.state == "dead", intent=CHANGE)
    assert "cannot shrink" in (job.last_error or "")
    after = await provisioning.resource(id=resource.id)
    assert (after.status, after.plan_code, after.spec) == ("active", "vps-s", SPEC)
    assert machine_of(provisioning, resource).power is PowerState.RUNNING


async def test_of_two_changes_the_newest_is_made(provisioning: Provisioning) -> None:
    resource = await delivered(provisioning)
    for version, cores in ((6, 8), (5, 4)):
        wanted = {"plan_code": f"vps-{cores}", "plan_name": "VPS", "spec": {**SPEC, "cores": cores}}
        await provisioning.tell(EntitlementChanged, resource, version, configuration={}, **wanted)
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.plan_code == "vps-8")
    machine = machine_of(provisioning, resource)
    assert machine.spec is not None
    assert machine.spec.cores == 8
    assert await provisioning.count("jobs", f"intent = '{CHANGE}'") == 1


@pytest.mark.parametrize(
    ("intent", "fact", "method"),
    [(SUSPEND, EntitlementSuspended, "hold"), (TERMINATE, EntitlementEnded, "hold")],
)
@pytest.mark.parametrize("after", [False, True])
async def test_trouble_on_the_way_ends_in_the_wanted_state(
    provisioning: Provisioning, intent: str, fact: Any, method: str, after: bool
) -> None:
    resource = await delivered(provisioning)
    provisioning.memory.fail(method, ProviderUnavailable("away"), count=2, after=after)
    async with provisioning.working():
        await provisioning.tell(fact, resource, 2)
        await provisioning.until_job(lambda job: job.state == "done", intent=intent)
    assert machine_of(provisioning, resource).held
    shown = await provisioning.resource(id=resource.id)
    assert (shown.delayed, shown.message) == (False, None)


async def test_a_machine_that_is_gone_can_be_ended_and_removed(provisioning: Provisioning) -> None:
    resource = await delivered(provisioning)
    provisioning.memory.machines.clear()
    async with provisioning.working():
        await provisioning.tell(EntitlementEnded, resource, 2)
        await provisioning.until(resource.id, lambda found: found.status == "terminated")
        await remove_what_is_over(provisioning)
        await provisioning.until(resource.id, lambda found: found.status == "removed")
