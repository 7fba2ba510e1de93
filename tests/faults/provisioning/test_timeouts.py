"""The provider makes the machine and its answer is lost: the next try finds it, and there is one."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from services.provisioning.adapters.proxmox import ApiToken, ProxmoxConnector, ProxmoxSettings
from services.provisioning.domain import CREATE, Resource
from shared.testing import eventually
from shared.web.client import http_client
from tests.support.database import TestDatabase
from tests.support.hypervisor_sandbox import SETTINGS, HypervisorProcess, hypervisor_process
from tests.support.provisioning import Provisioning

pytestmark = pytest.mark.fault(26)


@pytest.fixture(scope="module")
def hypervisor() -> Iterator[HypervisorProcess]:
    with hypervisor_process() as process:
        yield process


@pytest_asyncio.fixture
async def provisioning(fresh_database: TestDatabase, hypervisor: HypervisorProcess) -> AsyncIterator[Provisioning]:
    """Provisioning over HTTP, with a connector that waits for an answer no longer than half a second."""
    hypervisor.reset()
    token = ApiToken(SETTINGS.token_id, SETTINGS.token_secret.get_secret_value())
    settings = ProxmoxSettings(
        url=hypervisor.url, node="pve1", credentials=token, poll_interval=0.02, request_timeout=0.5
    )
    connector = ProxmoxConnector(settings, http_client)
    process = Provisioning(fresh_database, vps=connector)
    yield process
    await connector.aclose()
    await process.close()


async def test_a_machine_whose_creation_timed_out_is_found_at_once(
    provisioning: Provisioning, hypervisor: HypervisorProcess
) -> None:
    hypervisor.inject(kind="hang_after", seconds=2, method="POST", path="/clone$")
    resource = await provisioning.grant()
    async with provisioning.working():
        delivered = await provisioning.until(resource.id, lambda found: found.status == "active")
    await one_machine(provisioning, hypervisor, delivered)


async def test_a_machine_whose_creation_timed_out_is_found_by_the_next_try_when_the_look_fails_too(
    provisioning: Provisioning, hypervisor: HypervisorProcess
) -> None:
    hypervisor.inject(kind="hang_after", seconds=2, method="POST", path="/clone$")
    resource = await provisioning.grant()
    async with provisioning.working():

        async def made() -> bool:
            return bool(await asyncio.to_thread(hypervisor.machines))

        await eventually(made, every=0.01)
        hypervisor.inject(kind="error", method="GET", count=100_000)
        await provisioning.until_job(lambda job: job.step("create").tries > 1, intent=CREATE)
        hypervisor.client.delete("/_sandbox/faults").raise_for_status()
        delivered = await provisioning.until(resource.id, lambda found: found.status == "active")
    await one_machine(provisioning, hypervisor, delivered)


async def one_machine(provisioning: Provisioning, hypervisor: HypervisorProcess, delivered: Resource) -> None:
    """There is one machine, it is this resource's, and it was announced once."""
    [machine] = hypervisor.machines()
    assert (str(machine["vmid"]), machine["status"]) == (delivered.external_ref, "running")
    assert delivered.id in str(machine["description"])
    assert len(await provisioning.facts("provisioning.resource.activated.v1")) == 1


@pytest.mark.parametrize(("method", "path"), [("POST", "/config$"), ("PUT", "/resize$"), ("POST", "/status/start$")])
async def test_a_later_write_whose_answer_timed_out_is_looked_at_and_not_done_twice(
    provisioning: Provisioning, hypervisor: HypervisorProcess, method: str, path: str
) -> None:
    hypervisor.inject(kind="hang_after", seconds=2, method=method, path=path)
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "active")
    [machine] = hypervisor.machines()
    assert (machine["cores"], machine["disk_bytes"], machine["status"]) == (2, 40 * 2**30, "running")


async def test_ten_creations_that_all_time_out_are_ten_machines(
    provisioning: Provisioning, hypervisor: HypervisorProcess
) -> None:
    hypervisor.inject(kind="hang_after", seconds=2, method="POST", path="/clone$", count=10)
    resources = [await provisioning.grant() for _ in range(10)]
    async with provisioning.working():
        delivered = await asyncio.gather(
            *(provisioning.until(one.id, lambda found: found.status == "active") for one in resources)
        )
    machines = hypervisor.machines()
    assert sorted(str(machine["vmid"]) for machine in machines) == sorted(str(one.external_ref) for one in delivered)
    assert len(machines) == 10
