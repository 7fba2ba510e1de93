"""Intents run on a VPS end to end, over the wire of a hypervisor that is no kinder than the real one."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import pytest_asyncio

from services.provisioning.adapters.proxmox import ProxmoxConnector
from services.provisioning.jobs.drift import compare_all
from services.provisioning.use_cases.removal import begin_removals
from shared.contracts.catalog import (
    EntitlementChanged,
    EntitlementEnded,
    EntitlementRestored,
    EntitlementResumed,
    EntitlementSuspended,
)
from shared.web.client import http_client
from tests.support.callers import customer
from tests.support.database import TestDatabase
from tests.support.hypervisor_sandbox import SETTINGS, HypervisorProcess, hypervisor_process
from tests.support.provisioning import SPEC, Provisioning, settings_for

TOKEN = f"{SETTINGS.token_id}={SETTINGS.token_secret.get_secret_value()}"
CALLER = customer()


@pytest.fixture(scope="module")
def hypervisor() -> Iterator[HypervisorProcess]:
    with hypervisor_process(time_scale=0.02) as process:
        yield process


@pytest_asyncio.fixture
async def over_http(fresh_database: TestDatabase, hypervisor: HypervisorProcess) -> AsyncIterator[Provisioning]:
    hypervisor.reset()
    place = {"proxmox_url": hypervisor.url, "proxmox_token": TOKEN}
    connector = ProxmoxConnector(settings_for(fresh_database, **place).proxmox(), http_client)
    process = Provisioning(fresh_database, vps=connector, **place)
    yield process
    await connector.aclose()
    await process.close()


@pytest.fixture
def key(tmp_path: Path) -> str:
    """A key as people make them."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada's laptop", "-f", str(tmp_path / "key")]
    subprocess.run(command, check=True)
    return (tmp_path / "key.pub").read_text().strip()


async def test_a_server_lives_its_whole_life(over_http: Provisioning, hypervisor: HypervisorProcess) -> None:
    resource = await over_http.grant(account_id=CALLER.account_id)
    async with over_http.working():

        async def until(status: str) -> None:
            await over_http.until(resource.id, lambda found: found.status == status and not found.pending)

        await until("active")
        bigger = {**SPEC, "cores": 4, "memory_mb": 8192, "disk_gb": 80}
        await over_http.tell(
            EntitlementChanged, resource, 2, plan_code="vps-l", plan_name="VPS L", spec=bigger,
            configuration={"template": "debian-12"},
        )  # fmt: skip
        await over_http.until(resource.id, lambda found: found.plan_code == "vps-l")
        [machine] = hypervisor.machines()
        assert (machine["cores"], machine["memory_mb"], machine["disk_bytes"]) == (4, 8192, 80 * 2**30)
        await over_http.tell(EntitlementSuspended, resource, 3)
        await until("suspended")
        [machine] = hypervisor.machines()
        assert (machine["status"], machine["onboot"], machine["protection"]) == ("stopped", 0, 1)
        with hypervisor.api() as api:
            api.post(f"/nodes/pve1/qemu/{machine['vmid']}/status/start").raise_for_status()
            assert api.delete(f"/nodes/pve1/qemu/{machine['vmid']}").status_code == 500
        while hypervisor.machines()[0]["status"] != "running":
            pass
        await compare_all(over_http.database, over_http.tools, over_http.pool)
        await until("suspended")
        assert hypervisor.machines()[0]["status"] == "stopped"
        await over_http.tell(EntitlementResumed, resource, 4)
        await until("active")
        [machine] = hypervisor.machines()
        assert (machine["status"], machine["onboot"], machine["protection"]) == ("running", 1, 0)
        await over_http.tell(EntitlementEnded, resource, 5)
        await until("terminated")
        await over_http.tell(EntitlementRestored, resource, 6)
        await until("active")
        assert hypervisor.machines()[0]["status"] == "running"
        await over_http.tell(EntitlementEnded, resource, 7)
        await until("terminated")
        await over_http.execute("UPDATE provisioning.resources SET remove_at = now() - interval '1 second'")
        await over_http.database.run(lambda work: begin_removals(work, over_http.tools))
        await until("removed")
    assert hypervisor.machines() == []


async def test_its_buyer_signs_in_with_the_key_and_the_one_time_password(
    over_http: Provisioning, hypervisor: HypervisorProcess, key: str
) -> None:
    configuration = {"template": "debian-12", "ssh_keys": [key], "root_password": True}
    resource = await over_http.grant(account_id=CALLER.account_id, configuration=configuration)
    hypervisor.inject(kind="drop", method="POST", path="/config$")
    async with over_http.working(), over_http.client(CALLER) as client:
        await over_http.until(resource.id, lambda found: found.status == "active")
        page = (await client.get(f"/api/v1/services/{resource.id}")).json()
        [machine] = hypervisor.machines()
        assert page["access"]["command"] == f"ssh root@{machine['ipv4']}"
        assert page["access"]["password_waiting"] is True
        [shown] = page["access"]["keys"]
        fingerprint = subprocess.run(
            ["ssh-keygen", "-l", "-f", "-"], input=key.encode(), check=True, capture_output=True
        ).stdout.decode()
        assert shown["value"] == fingerprint.split()[1]
        assert shown["label"] == "ada's laptop"
        password = (await client.post(f"/api/v1/services/{resource.id}/secret")).json()["value"]
        again = await client.post(f"/api/v1/services/{resource.id}/secret")
        assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (410, "already-shown")
    with hypervisor.api() as api:
        config = api.get(f"/nodes/pve1/qemu/{machine['vmid']}/config").json()["data"]
    assert unquote(config["sshkeys"]) == key
    door = {"vmid": machine["vmid"], "user": "root"}
    for proof, entered in (({"key": key}, True), ({"password": password}, True), ({"password": password + "x"}, False)):
        answer = hypervisor.client.post("/_sandbox/sign-in", json={**door, **proof}).json()
        assert answer["data"]["entered"] is entered
    [fact] = await over_http.facts("provisioning.resource.activated.v1")
    assert fact["access"] == [
        f"Sign in with: ssh root@{machine['ipv4']}",
        f"with your key ada's laptop ({shown['value']})",
        "your one-time password waits on the service's page",
    ]
    for table in ("resources", "resource_history", "jobs", "job_steps", "outbox", "inbox", "one_time_secrets"):
        async with over_http.database.read() as session:
            rows = await session.connection()
            found = await rows.exec_driver_sql(
                f"SELECT count(*) FROM provisioning.{table} t WHERE t::text LIKE '%{password}%'"
            )
            assert found.scalar_one() == 0, table
