"""The whole of it over real HTTP: our books on one side, the stand-in hypervisor on the other."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from services.provisioning.adapters.proxmox import ProxmoxConnector
from services.provisioning.jobs.drift import compare_all
from shared.web.client import http_client
from tests.support.callers import customer
from tests.support.database import TestDatabase
from tests.support.hypervisor_sandbox import SETTINGS, HypervisorProcess, hypervisor_process
from tests.support.provisioning import Provisioning, at_once, granted, settings_for

TOKEN = f"{SETTINGS.token_id}={SETTINGS.token_secret.get_secret_value()}"


@pytest.fixture(scope="module")
def hypervisor() -> Iterator[HypervisorProcess]:
    with hypervisor_process(time_scale=0.02) as process:
        yield process


@pytest_asyncio.fixture
async def provisioning(fresh_database: TestDatabase, hypervisor: HypervisorProcess) -> AsyncIterator[Provisioning]:
    hypervisor.reset()
    place = {"proxmox_url": hypervisor.url, "proxmox_token": TOKEN}
    connector = ProxmoxConnector(settings_for(fresh_database, **place).proxmox(), http_client)
    process = Provisioning(fresh_database, vps=connector, **place)
    yield process
    await connector.aclose()
    await process.close()


async def test_twenty_deliveries_at_once_make_one_machine(
    provisioning: Provisioning, hypervisor: HypervisorProcess
) -> None:
    fact = granted(template="ubuntu-24-04")
    async with provisioning.working():
        await at_once(20, lambda: provisioning.hear(fact))
        resource = await provisioning.resource(entitlement_id=fact.entitlement_id)
        delivered = await provisioning.until(resource.id, lambda found: found.status == "active")
    [machine] = hypervisor.machines()
    assert (str(machine["vmid"]), machine["ipv4"]) == (delivered.external_ref, delivered.address)
    assert (machine["cores"], machine["memory_mb"], machine["disk_bytes"]) == (2, 4096, 40 * 2**30)


@pytest.mark.parametrize("kind", ["drop_after", "drop", "error", "malformed"])
@pytest.mark.parametrize("path", ["/clone$", "/config$", "/resize$", "/status/start$"])
async def test_trouble_at_any_write_still_ends_in_one_machine(
    provisioning: Provisioning, hypervisor: HypervisorProcess, kind: str, path: str
) -> None:
    hypervisor.inject(kind=kind, method="PUT" if "resize" in path else "POST", path=path)
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "active")
    [machine] = hypervisor.machines()
    assert resource.id in str(machine["description"])
    assert machine["disk_bytes"] == 40 * 2**30


async def test_an_outage_ends_by_itself(provisioning: Provisioning, hypervisor: HypervisorProcess) -> None:
    hypervisor.outage("on")
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.delayed)
        hypervisor.outage("off")
        delivered = await provisioning.until(resource.id, lambda found: found.status == "active")
    assert not delivered.delayed
    assert len(hypervisor.machines()) == 1


async def test_ten_orders_at_once_are_ten_machines(provisioning: Provisioning, hypervisor: HypervisorProcess) -> None:
    resources = [await provisioning.grant(hostname=f"web-{number}.example.com") for number in range(10)]
    async with provisioning.working():
        for resource in resources:
            await provisioning.until(resource.id, lambda found: found.status == "active")
    machines = hypervisor.machines()
    assert sorted(str(machine["name"]) for machine in machines) == sorted(resource.name for resource in resources)
    assert len({machine["vmid"] for machine in machines}) == len({machine["ipv4"] for machine in machines}) == 10


async def test_power_and_drift_over_http(provisioning: Provisioning, hypervisor: HypervisorProcess) -> None:
    caller = customer()
    resource = await provisioning.grant(account_id=caller.account_id)
    async with provisioning.client(caller) as client, provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "active")
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
        await provisioning.until(resource.id, lambda found: found.power == "stopped" and not found.pending)
    [machine] = hypervisor.machines()
    assert machine["status"] == "stopped"
    with hypervisor.api() as api:
        api.post(f"/nodes/pve1/qemu/{machine['vmid']}/status/start").raise_for_status()
    await asyncio.sleep(0.5)
    await compare_all(provisioning.database, provisioning.tools, provisioning.pool)
    assert (await provisioning.resource(id=resource.id)).power == "running"
