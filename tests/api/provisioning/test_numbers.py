"""Every machine has a number of its own, at the same cost however many there are; what our books forgot is found."""

import asyncio

import pytest

from services.provisioning.adapters.capabilities import IdTaken
from shared.kernel import new_id
from tests.support.provisioning import Provisioning


async def test_many_entitlements_at_once_share_no_machine_id(provisioning: Provisioning) -> None:
    order = new_id("ord")
    resources = [await provisioning.grant(order_id=order) for _ in range(12)]
    async with provisioning.working():
        found = [
            await provisioning.until(resource.id, lambda found: found.status == "active") for resource in resources
        ]
    assert len({resource.external_ref for resource in found}) == 12
    assert sorted(str(machine.reference) for machine in provisioning.memory.ours) == sorted(r.id for r in resources)


async def test_a_machine_id_that_another_resource_holds_is_replaced(provisioning: Provisioning) -> None:
    """The books' own last word: a unique index, whatever was given out."""
    first, second = await provisioning.grant(), await provisioning.grant()
    gate = provisioning.memory.gates["is_free"] = asyncio.Event()
    await provisioning.execute(
        "UPDATE provisioning.jobs SET next_attempt_at = now() + interval '1 hour' "
        f"WHERE idempotency_key = 'create:{first.entitlement_id}'"
    )
    async with provisioning.working():
        await provisioning.until_job(lambda job: job.steps[0].state == "active", resource_id=second.id)
        while "is_free" not in provisioning.memory.calls:
            await asyncio.sleep(0.01)
        await provisioning.execute(
            "UPDATE provisioning.resources SET external_ref = '100', provider = 'proxmox' "
            "WHERE id = (SELECT id FROM provisioning.resources ORDER BY id LIMIT 1)"
        )
        gate.set()
        delivered = await provisioning.until(second.id, lambda found: found.status == "active")
    assert delivered.external_ref == "101"
    assert (await provisioning.job(resource_id=second.id)).attempts == 1


async def test_a_machine_id_taken_by_a_stranger_is_given_up_for_another(provisioning: Provisioning) -> None:
    provisioning.memory.fail("create", IdTaken("Machine 100 belongs to somebody else"))
    resource = await provisioning.grant()
    async with provisioning.working():
        delivered = await provisioning.until(resource.id, lambda found: found.status == "active")
    assert delivered.external_ref == "101"
    assert set(provisioning.memory.machines) == {101}


@pytest.mark.parametrize(
    "as_restored",
    [
        "UPDATE provisioning.providers SET next_number = 100",
        "UPDATE provisioning.resources SET created_at = created_at - interval '2 hours'",
    ],
    ids=["numbers given out again", "an old delivery"],
)
async def test_a_machine_that_our_books_lost_is_found_and_adopted(provisioning: Provisioning, as_restored: str) -> None:
    resource = await provisioning.deliver()
    await provisioning.execute("UPDATE provisioning.jobs SET state = 'ready', next_attempt_at = now()")
    await provisioning.execute("UPDATE provisioning.job_steps SET state = 'waiting', started_at = NULL")
    await provisioning.execute("UPDATE provisioning.resources SET status = 'provisioning', external_ref = NULL")
    await provisioning.execute(as_restored)
    async with provisioning.working():
        again = await provisioning.until(resource.id, lambda found: found.status == "active")
    assert again.external_ref == resource.external_ref
    assert provisioning.memory.created == 1


async def test_one_number_in_use_makes_every_delivery_look_before_it_makes(provisioning: Provisioning) -> None:
    """Books from a backup have given out numbers again; who comes later may meet a free one, and has a machine."""
    first, second = await provisioning.deliver(), await provisioning.deliver()
    await provisioning.execute("UPDATE provisioning.jobs SET state = 'ready', next_attempt_at = now()")
    await provisioning.execute("UPDATE provisioning.job_steps SET state = 'waiting', started_at = NULL")
    await provisioning.execute("UPDATE provisioning.resources SET status = 'provisioning', external_ref = NULL")
    await provisioning.execute("UPDATE provisioning.providers SET next_number = 100")
    async with provisioning.working(concurrency=1):
        for resource in (first, second):
            again = await provisioning.until(resource.id, lambda found: found.status == "active")
            assert again.external_ref == resource.external_ref
    assert provisioning.memory.created == 2


async def test_a_delivery_costs_the_same_among_ten_machines_and_among_a_thousand(provisioning: Provisioning) -> None:
    calls = []
    for strangers in (range(200, 210), range(300, 1300)):
        for number in strangers:
            provisioning.memory.stranger(number)
        before = len(provisioning.memory.calls)
        await provisioning.deliver()
        calls.append(provisioning.memory.calls[before:])
    assert calls[0] == calls[1]
    assert "list_machines" not in calls[0]
    assert "find" not in calls[0]
