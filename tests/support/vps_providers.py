"""Both providers the VPS connector is tested against: our own stand-in, and one that others wrote."""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest

from services.provisioning.adapters.capabilities import MachineRef, MachineSpec, VpsConnector
from services.provisioning.adapters.proxmox import ApiToken, Password, ProxmoxConnector, ProxmoxSettings
from shared.kernel.ids import new_id
from shared.web.client import http_client
from tests.support import fakepve
from tests.support.hypervisor_sandbox import SETTINGS, hypervisor_process

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ5dGVzYnl0ZXNieXRlc2J5dGVz ada@example.com"
SPEC = MachineSpec("web-1.example.com", "debian-12", cores=2, memory_mb=2048, disk_gb=20, user="ada", ssh_keys=(KEY,))
machine_ids = itertools.count(200)


@dataclass(frozen=True)
class Provider:
    """One hypervisor under test. `api` sees the truth; `grows_disks`: fakepve accepts a resize and keeps the size."""

    settings: ProxmoxSettings
    api: httpx.Client
    grows_disks: bool

    def config(self, machine_id: int, node: str = "pve1") -> dict[str, object]:
        config = self.api.get(f"/nodes/{node}/qemu/{machine_id}/config").raise_for_status().json()["data"]
        assert isinstance(config, dict)
        return config

    def exists(self, machine_id: int) -> bool:
        return self.api.get(f"/nodes/pve1/qemu/{machine_id}/config").status_code == 200

    def carrying(self, reference: str) -> list[int]:
        """The ids of all machines whose configuration mentions `reference` anywhere."""
        rows = self.api.get("/cluster/resources", params={"type": "vm"}).raise_for_status().json()["data"]
        return [row["vmid"] for row in rows if reference in str(self.config(row["vmid"], row["node"]))]


@pytest.fixture(scope="module")
def sandbox_provider() -> Iterator[Provider]:
    token = ApiToken(SETTINGS.token_id, SETTINGS.token_secret.get_secret_value())
    with hypervisor_process() as process, process.api() as api:
        settings = ProxmoxSettings(url=process.url, node="pve1", credentials=token, poll_interval=0.02)
        stranger = {"newid": fakepve.STRANGER_ID, "name": "stranger"}
        api.post("/nodes/pve1/qemu/9000/clone", data=stranger).raise_for_status()
        yield Provider(settings, api, grows_disks=True)


@pytest.fixture(scope="module")
def fakepve_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fakepve.FakePve]:
    with fakepve.fakepve(tmp_path_factory.mktemp("fakepve")) as server:
        yield server


@pytest.fixture(scope="module")
def fakepve_provider(fakepve_server: fakepve.FakePve) -> Iterator[Provider]:
    settings = ProxmoxSettings(
        url=fakepve_server.url,
        node="pve1",
        credentials=Password(fakepve.USER, fakepve.PASSWORD),
        fingerprint=fakepve_server.fingerprint,
        poll_interval=0.02,
    )
    api = fakepve_server.client()
    yield Provider(settings, api, grows_disks=False)
    api.close()


@pytest.fixture(params=["sandbox", "fakepve"])
def provider(request: pytest.FixtureRequest) -> Provider:
    found = request.getfixturevalue(f"{request.param}_provider")
    assert isinstance(found, Provider)
    return found


@pytest.fixture
async def connector(provider: Provider) -> AsyncIterator[VpsConnector]:
    connector = ProxmoxConnector(provider.settings, http_client)
    yield connector
    await connector.aclose()


@pytest.fixture
def ref() -> MachineRef:
    return MachineRef(new_id("svc"), next(machine_ids))
