"""Workers are killed at every moment that matters, as real processes, against a hypervisor over HTTP.

Whatever was killed, a second worker finishes the delivery, and there is one machine.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from services.provisioning.domain import CREATE
from shared.testing import eventually
from tests.support.database import TestDatabase
from tests.support.hypervisor_sandbox import HypervisorProcess, hypervisor_process
from tests.support.provisioning import Provisioning
from tests.support.provisioning_worker import worker_process

pytestmark = pytest.mark.crash

# Every transaction of a delivery is killed before its commit or after it: claim, provider, then two for each step.
COMMITS = range(2, 16, 4)


@pytest.fixture(scope="module")
def hypervisor() -> Iterator[HypervisorProcess]:
    with hypervisor_process(time_scale=0.02) as process:
        yield process


@pytest_asyncio.fixture
async def books(fresh_database: TestDatabase, hypervisor: HypervisorProcess) -> AsyncIterator[Provisioning]:
    """Our side of it: entitlements come in here, and outcomes are read here."""
    hypervisor.reset()
    # The books are opened first, and the provider they write down is the one the killed workers reach.
    process = Provisioning(fresh_database, proxmox_url=hypervisor.url)
    yield process
    await process.close()


@pytest.mark.parametrize(
    "point",
    [
        "provisioning.jobs.after_claim",
        "provisioning.before_create",
        "provisioning.after_create",
        "provisioning.before_activate",
        *(f"provisioning.{where}_commit:{count}" for where in ("before", "after") for count in COMMITS),
    ],
)
async def test_a_worker_killed_anywhere_leaves_one_machine_that_another_finishes(
    books: Provisioning, fresh_database: TestDatabase, hypervisor: HypervisorProcess, point: str
) -> None:
    resource = await books.grant()
    with worker_process(fresh_database, hypervisor, crash_at=point) as first:
        assert await asyncio.wait_for(asyncio.to_thread(first.wait), 60) == -signal.SIGKILL
    # The dead worker's lease runs out.
    await books.execute("UPDATE provisioning.jobs SET next_attempt_at = now() WHERE state = 'ready'")
    with worker_process(fresh_database, hypervisor):
        delivered = await books.until(resource.id, lambda found: found.status == "active")
    [machine] = hypervisor.machines()
    assert str(machine["vmid"]) == delivered.external_ref
    assert resource.id in str(machine["description"])
    assert (machine["status"], machine["cores"], machine["memory_mb"]) == ("running", 2, 4096)
    assert machine["ipv4"] == delivered.address
    assert (await books.job(intent=CREATE)).state == "done"
    assert len(await books.facts("provisioning.resource.activated.v1")) == 1


async def test_a_machine_made_just_before_the_kill_is_adopted(
    books: Provisioning, fresh_database: TestDatabase, hypervisor: HypervisorProcess
) -> None:
    resource = await books.grant()
    with worker_process(fresh_database, hypervisor, crash_at="provisioning.after_create") as first:
        await asyncio.wait_for(asyncio.to_thread(first.wait), 60)
    [orphan] = hypervisor.machines()
    job = await books.job(intent=CREATE)
    assert job.step("create").state == "active"
    await books.execute("UPDATE provisioning.jobs SET next_attempt_at = now() WHERE state = 'ready'")
    with worker_process(fresh_database, hypervisor):
        await books.until(resource.id, lambda found: found.status == "active")
    [machine] = hypervisor.machines()
    assert (machine["vmid"], machine["created_at"]) == (orphan["vmid"], orphan["created_at"])


@pytest.mark.fault(33)
async def test_a_worker_stopped_by_the_kernel_and_woken_after_its_lease_does_no_harm(
    books: Provisioning, fresh_database: TestDatabase, hypervisor: HypervisorProcess
) -> None:
    """SIGSTOP in the middle of a job, a successor takes over, SIGCONT: the books and the machine stay as they are."""
    hypervisor.inject(kind="hang", seconds=2, method="POST", path="/clone$")
    resource = await books.grant()
    with worker_process(fresh_database, hypervisor) as sleeper:

        async def creating() -> bool:
            return (await books.job(intent=CREATE)).step("create").state == "active"

        await eventually(creating)
        sleeper.send_signal(signal.SIGSTOP)
        await books.execute("UPDATE provisioning.jobs SET next_attempt_at = now() WHERE state = 'ready'")
        with worker_process(fresh_database, hypervisor):
            delivered = await books.until(resource.id, lambda found: found.status == "active")
        sleeper.send_signal(signal.SIGCONT)
        await asyncio.sleep(3)
    after = await books.resource(id=resource.id)
    assert (after.status, after.version, after.external_ref) == ("active", delivered.version, delivered.external_ref)
    assert len(hypervisor.machines()) == 1
    assert len(await books.facts("provisioning.resource.activated.v1")) == 1
