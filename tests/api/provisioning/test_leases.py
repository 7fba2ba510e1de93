"""Who holds a job's lease may write; nobody else."""

import asyncio

import pytest

from services.provisioning.adapters.capabilities import ProviderUnavailable
from services.provisioning.domain import CREATE, NOT_DELIVERED
from services.provisioning.product_types.base import StepResult
from services.provisioning.use_cases.deadlines import expire_overdue
from services.provisioning.use_cases.run_job import begin_step, finish_step, give_up, postpone, set_back
from shared.database import Claimed, FailureClass, HandlingFailed, LeaseLost, UnitOfWork
from tests.support.database import TestDatabase
from tests.support.provisioning import Provisioning


async def claim(provisioning: Provisioning) -> list[Claimed]:
    async with provisioning.database.work() as work:
        return await provisioning.queue.claim(work.session, 10)


async def expire(provisioning: Provisioning) -> int:
    return await provisioning.database.run(lambda work: expire_overdue(work, provisioning.tools))


async def expire_leases(provisioning: Provisioning) -> None:
    await provisioning.execute("UPDATE provisioning.jobs SET next_attempt_at = now() - interval '1 second'")


async def test_two_workers_that_claim_together_get_a_job_once(provisioning: Provisioning) -> None:
    await provisioning.grant()
    first, second = await asyncio.gather(claim(provisioning), claim(provisioning))
    assert len(first) + len(second) == 1


async def test_two_workers_beside_each_other_make_one_machine(
    provisioning: Provisioning, fresh_database: TestDatabase
) -> None:
    other = Provisioning(fresh_database, vps=provisioning.memory)
    resources = [await provisioning.grant() for _ in range(5)]
    async with provisioning.working(), other.working():
        for resource in resources:
            await provisioning.until(resource.id, lambda found: found.status == "active")
    await other.close()
    assert provisioning.memory.created == 5


@pytest.mark.fault(33)
@pytest.mark.parametrize("write", ["begin", "finish", "give_up", "postpone", "set_back"])
async def test_a_worker_that_overslept_its_lease_cannot_write(provisioning: Provisioning, write: str) -> None:
    resource = await provisioning.grant()
    [zombie] = await claim(provisioning)
    await expire_leases(provisioning)
    [successor] = await claim(provisioning)
    tools = provisioning.tools
    failed = HandlingFailed("late", FailureClass.TRANSIENT)

    async def late(work: UnitOfWork) -> None:
        if write == "begin":
            await begin_step(work, tools, zombie)
        elif write == "finish":
            await finish_step(work, tools, zombie, StepResult(external_ref="666"))
        elif write == "give_up":
            await give_up(work, tools, zombie, "late", FailureClass.PERMANENT)
        elif write == "postpone":
            await postpone(work, tools, zombie, 3600)
        else:
            await set_back(work, tools, zombie, failed)

    with pytest.raises(LeaseLost):
        await provisioning.database.run(late)
    after = await provisioning.resource(id=resource.id)
    assert (after.status, after.external_ref, after.delayed) == ("pending", None, False)
    await provisioning.runner.handle(successor)
    assert (await provisioning.resource(id=resource.id)).status == "active"
    assert provisioning.memory.created == 1


@pytest.mark.fault(33)
async def test_the_late_answer_to_a_zombie_is_not_recorded_and_its_machine_is_adopted(
    provisioning: Provisioning,
) -> None:
    """The zombie hangs in its create call; its successor takes over; then the zombie's call returns."""
    resource = await provisioning.grant()
    [zombie] = await claim(provisioning)
    gate = provisioning.memory.gates["create"] = asyncio.Event()
    sleeper = asyncio.create_task(provisioning.runner.handle(zombie))
    await provisioning.until_job(lambda job: job.step("create").state == "active", intent=CREATE)
    await expire_leases(provisioning)
    [successor] = await claim(provisioning)
    heir = asyncio.create_task(provisioning.runner.handle(successor))
    await provisioning.until_job(lambda job: job.step("create").tries == 2, intent=CREATE)
    gate.set()
    with pytest.raises(LeaseLost):
        await sleeper
    await heir
    assert (await provisioning.resource(id=resource.id)).status == "active"
    assert provisioning.memory.created == 1
    assert len(await provisioning.facts("provisioning.resource.activated.v1")) == 1


async def test_a_long_call_keeps_its_lease(fresh_database: TestDatabase) -> None:
    provisioning = Provisioning(fresh_database, lease=0.6)
    gate = provisioning.memory.gates["create"] = asyncio.Event()
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until_job(lambda job: job.step("create").state == "active", intent=CREATE)
        await asyncio.sleep(1.5)
        gate.set()
        await provisioning.until(resource.id, lambda found: found.status == "active")
    job = await provisioning.job(intent=CREATE)
    assert (job.attempts, job.step("create").tries) == (1, 1)
    await provisioning.close()


async def test_a_call_is_broken_off_when_its_lease_is_lost(fresh_database: TestDatabase) -> None:
    provisioning = Provisioning(fresh_database, lease=0.3)
    provisioning.memory.gates["create"] = asyncio.Event()
    await provisioning.grant()
    [held] = await claim(provisioning)
    running = asyncio.create_task(provisioning.runner.handle(held))
    await provisioning.until_job(lambda job: job.step("create").state == "active", intent=CREATE)
    await provisioning.execute("UPDATE provisioning.jobs SET lease_token = gen_random_uuid()")
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(running, 60)
    assert provisioning.memory.created == 0
    await provisioning.close()


async def test_a_job_past_its_deadline_ends_and_is_published(provisioning: Provisioning) -> None:
    resource = await provisioning.grant()
    provisioning.memory.away = True
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.delayed)
    await provisioning.execute(
        "UPDATE provisioning.jobs SET deadline_at = now() - interval '1 second', lease_token = NULL"
    )
    assert await expire(provisioning) == 1
    assert await expire(provisioning) == 0
    after = await provisioning.resource(id=resource.id)
    assert (after.status, after.delayed, after.message) == ("failed", False, NOT_DELIVERED)
    job = await provisioning.job(intent=CREATE)
    assert job.state == "dead"
    assert "No success within" in (job.last_error or "")
    assert len(await provisioning.facts("provisioning.resource.failed.v1")) == 1


async def test_a_job_in_a_workers_hands_is_not_ended_by_the_clock(provisioning: Provisioning) -> None:
    await provisioning.grant()
    [held] = await claim(provisioning)
    await provisioning.execute("UPDATE provisioning.jobs SET deadline_at = now() - interval '1 second'")
    assert await expire(provisioning) == 0
    provisioning.memory.fail("create", ProviderUnavailable("away"))
    await provisioning.runner.handle(held)
    job = await provisioning.job(intent=CREATE)
    assert job.state == "dead"
    assert "deadline" in (job.last_error or "")


@pytest.mark.fault(33)
async def test_a_zombie_of_an_expired_job_cannot_write(provisioning: Provisioning) -> None:
    await provisioning.grant()
    [zombie] = await claim(provisioning)
    await expire_leases(provisioning)
    await provisioning.execute("UPDATE provisioning.jobs SET deadline_at = now() - interval '1 second'")
    assert await expire(provisioning) == 1
    with pytest.raises(LeaseLost):
        await provisioning.runner.handle(zombie)
    assert provisioning.memory.created == 0
