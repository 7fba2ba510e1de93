"""One suite for the Proxmox connector, against our own stand-in and against one that others wrote."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from services.provisioning.adapters.capabilities import (
    IdTaken,
    MachineMissing,
    MachineRef,
    MachineSpec,
    NeedsHuman,
    NotOurMachine,
    PowerState,
    ProviderRejected,
    ProviderUnavailable,
    StaticAddress,
    VpsConnector,
)
from services.provisioning.adapters.proxmox import ApiToken, Password, ProxmoxConnector, ProxmoxSettings
from services.provisioning.adapters.proxmox.api import Fields, ProxmoxApi
from shared.kernel.ids import new_id
from shared.web.client import http_client
from tests.support import fakepve
from tests.support.hypervisor_sandbox import SETTINGS, hypervisor_process

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ5dGVzYnl0ZXNieXRlc2J5dGVz ada@example.com"
SPEC = MachineSpec("web-1.example.com", "debian-12", cores=2, memory_mb=2048, disk_gb=20, user="ada", ssh_keys=(KEY,))
_ids = itertools.count(200)


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
    return MachineRef(new_id("svc"), next(_ids))


async def test_a_machine_is_found_by_its_reference_before_and_after_it_is_configured(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    made = await connector.create(ref.reference, ref.machine_id, SPEC)
    assert made.ref == ref
    assert made.power is PowerState.STOPPED

    before = await connector.find(ref.reference)
    await connector.configure(ref, SPEC)
    after = await connector.find(ref.reference)

    assert before is not None
    assert before.ref == ref
    assert after is not None
    assert after.ref == ref
    assert after.name == "web-1.example.com"
    assert ref.reference in str(provider.config(ref.machine_id)["tags"]).split(";")


async def test_creating_again_returns_the_same_machine(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    first = await connector.create(ref.reference, ref.machine_id, SPEC)
    again = await connector.create(ref.reference, ref.machine_id, SPEC)
    assert first == again
    assert provider.carrying(ref.reference) == [ref.machine_id]


async def test_eight_concurrent_creates_make_one_machine(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    made = await asyncio.gather(*(connector.create(ref.reference, ref.machine_id, SPEC) for _ in range(8)))
    assert {machine.ref for machine in made} == {ref}
    assert provider.carrying(ref.reference) == [ref.machine_id]


async def test_an_id_of_a_stranger_is_not_adopted(provider: Provider, connector: VpsConnector, ref: MachineRef) -> None:
    before = provider.config(fakepve.STRANGER_ID)
    with pytest.raises(IdTaken):
        await connector.create(ref.reference, fakepve.STRANGER_ID, SPEC)
    assert provider.config(fakepve.STRANGER_ID) == before
    assert provider.carrying(ref.reference) == []


async def test_another_resource_cannot_take_over_a_machine(connector: VpsConnector, ref: MachineRef) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    with pytest.raises(IdTaken):
        await connector.create(new_id("svc"), ref.machine_id, SPEC)


async def test_creating_asks_the_same_however_many_machines_there_are(
    provider: Provider, ref: MachineRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two calls before the clone and none of them a listing; what follows reads that one machine."""
    paths: list[str] = []
    call = ProxmoxApi._call

    async def noted(self: ProxmoxApi, method: str, path: str, fields: Fields | None) -> object:
        paths.append(path)
        return await call(self, method, path, fields)

    monkeypatch.setattr(ProxmoxApi, "_call", noted)
    connector = ProxmoxConnector(replace(provider.settings, templates={"debian-12": fakepve.TEMPLATE_ID}), http_client)
    assert await connector.is_free(ref.machine_id)
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.aclose()
    assert "/cluster/resources" not in paths
    assert paths.count("/cluster/nextid") == 2


async def test_what_was_sold_is_configured_and_may_be_configured_again(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    spec = replace(SPEC, network=StaticAddress("203.0.113.7/24", "203.0.113.1"), nameservers=("9.9.9.9", "2620:fe::fe"))
    await connector.create(ref.reference, ref.machine_id, spec)
    await connector.configure(ref, spec)
    once = provider.config(ref.machine_id)
    await connector.configure(ref, spec)

    assert provider.config(ref.machine_id) == once
    assert (str(once["cores"]), once["memory"], once["ciuser"]) == ("2", "2048", "ada")
    assert once["ipconfig0"] == "ip=203.0.113.7/24,gw=203.0.113.1"
    assert once["nameserver"] == "9.9.9.9 2620:fe::fe"
    assert unquote(str(once["sshkeys"])) == KEY
    assert str(once["description"]).startswith(f"ez-reference: {ref.reference}\n")
    assert await connector.address(ref) == "203.0.113.7"


async def test_tags_of_others_stay(provider: Provider, connector: VpsConnector, ref: MachineRef) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    provider.api.put(f"/nodes/pve1/qemu/{ref.machine_id}/config", data={"tags": "rack-7"}).raise_for_status()
    await connector.configure(ref, SPEC)
    assert set(str(provider.config(ref.machine_id)["tags"]).split(";")) == {"rack-7", "ez", ref.reference}


async def test_a_disk_grows_to_its_size_and_no_further(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.resize_disk(ref, 20)
    await connector.resize_disk(ref, 20)
    await connector.resize_disk(ref, 2)
    if provider.grows_disks:
        assert "size=20G" in str(provider.config(ref.machine_id)["scsi0"])


async def test_power_may_be_asked_for_twice(connector: VpsConnector, ref: MachineRef) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    for verb, expected in (
        (connector.start, PowerState.RUNNING),
        (connector.start, PowerState.RUNNING),
        (connector.reboot, PowerState.RUNNING),
        (connector.stop, PowerState.STOPPED),
        (connector.stop, PowerState.STOPPED),
        (connector.reboot, PowerState.RUNNING),
    ):
        await verb(ref)
        assert await connector.state(ref) is expected


async def test_a_running_machine_is_destroyed_and_destroying_again_is_success(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.start(ref)
    await connector.destroy(ref)
    await connector.destroy(ref)
    assert not provider.exists(ref.machine_id)
    assert await connector.find(ref.reference, ref.machine_id) is None


async def test_nothing_is_done_to_a_machine_under_a_foreign_reference(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.start(ref)
    before = provider.config(ref.machine_id)
    foreign = MachineRef(new_id("svc"), ref.machine_id)
    for refused in (connector.destroy, connector.start, connector.stop, connector.reboot, connector.state):
        with pytest.raises(NotOurMachine):
            await refused(foreign)
    with pytest.raises(NotOurMachine):
        await connector.configure(foreign, SPEC)
    with pytest.raises(NotOurMachine):
        await connector.resize_disk(foreign, 40)
    assert provider.config(ref.machine_id) == before
    assert await connector.state(ref) is PowerState.RUNNING


async def test_a_machine_that_is_not_there_is_said_to_be_missing(connector: VpsConnector, ref: MachineRef) -> None:
    assert await connector.find(ref.reference) is None
    for refused in (connector.start, connector.stop, connector.state, connector.address):
        with pytest.raises(MachineMissing):
            await refused(ref)


async def test_an_id_in_use_is_not_free(connector: VpsConnector, ref: MachineRef) -> None:
    assert await connector.is_free(ref.machine_id)
    await connector.create(ref.reference, ref.machine_id, SPEC)
    assert not await connector.is_free(ref.machine_id)
    assert not await connector.is_free(fakepve.STRANGER_ID)


async def test_a_held_machine_is_off_stays_off_with_its_host_and_cannot_be_deleted_by_others(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.configure(ref, SPEC)
    await connector.start(ref)
    for _ in range(2):
        await connector.hold(ref)
        held = provider.config(ref.machine_id)
        assert await connector.state(ref) is PowerState.STOPPED
        assert (str(held["onboot"]), str(held["protection"])) == ("0", "1")
        assert {"ez-held", ref.reference} <= set(str(held["tags"]).split(";"))
    refused = provider.api.delete(f"/nodes/pve1/qemu/{ref.machine_id}")
    assert refused.status_code >= 400
    assert provider.exists(ref.machine_id)
    for _ in range(2):
        await connector.release(ref)
        free = provider.config(ref.machine_id)
        assert (str(free["onboot"]), str(free.get("protection", 0))) == ("1", "0")
        assert "ez-held" not in str(free["tags"]).split(";")
        assert await connector.state(ref) is PowerState.STOPPED


async def test_a_held_machine_is_configured_without_coming_up_with_its_host(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.hold(ref)
    await connector.configure(ref, replace(SPEC, cores=4, autostart=False))
    config = provider.config(ref.machine_id)
    assert (str(config["cores"]), str(config["onboot"])) == ("4", "0")
    assert "ez-held" in str(config["tags"]).split(";")


async def test_a_held_machine_is_destroyed_when_we_are_told_to(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.hold(ref)
    await connector.destroy(ref)
    assert not provider.exists(ref.machine_id)


async def test_a_password_is_put_in_and_never_shown(
    provider: Provider, connector: VpsConnector, ref: MachineRef
) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.configure(ref, replace(SPEC, user="root", password="hunter2-hunter2"))
    config = provider.config(ref.machine_id)
    assert config["ciuser"] == "root"
    assert set(str(config["cipassword"])) == {"*"}


async def test_the_list_holds_our_machines_only(connector: VpsConnector, ref: MachineRef) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    configured = MachineRef(new_id("svc"), next(_ids))
    await connector.create(configured.reference, configured.machine_id, SPEC)
    await connector.configure(configured, SPEC)
    listed = {machine.ref for machine in await connector.list_machines()}
    assert {ref, configured} <= listed
    assert not {fakepve.STRANGER_ID, fakepve.TEMPLATE_ID} & {ref.machine_id for ref in listed}


async def test_a_machine_that_moved_to_another_node_is_still_ours(fakepve_provider: Provider) -> None:
    connector = ProxmoxConnector(fakepve_provider.settings, http_client)
    moved = MachineRef(fakepve.MOVED_REFERENCE, fakepve.MOVED_ID)
    found = await connector.find(moved.reference)
    assert found is not None
    assert found.ref == moved
    await connector.start(moved)
    assert await connector.state(moved) is PowerState.RUNNING
    adopted = await connector.create(moved.reference, moved.machine_id, SPEC)
    assert adopted.ref == moved
    await connector.destroy(moved)
    assert await connector.find(moved.reference) is None
    await connector.aclose()


async def test_an_unknown_template_needs_a_person(connector: VpsConnector, ref: MachineRef) -> None:
    with pytest.raises(NeedsHuman, match="plan-9"):
        await connector.create(ref.reference, ref.machine_id, replace(SPEC, template="plan-9"))


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, hostname="web_1"),
        replace(SPEC, hostname="a: b\nruncmd"),
        replace(SPEC, user="root\nruncmd: [reboot]"),
        replace(SPEC, ssh_keys=(f"{KEY}\n{KEY}",)),
        replace(SPEC, network=StaticAddress("203.0.113.7/24,ip6=auto", "203.0.113.1")),
        replace(SPEC, nameservers=("9.9.9.9\nsearch evil",)),
        replace(SPEC, cores=0),
    ],
)
async def test_what_cloud_init_could_trip_over_is_rejected(
    provider: Provider, connector: VpsConnector, ref: MachineRef, spec: MachineSpec
) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    before = provider.config(ref.machine_id)
    with pytest.raises(ProviderRejected):
        await connector.configure(ref, spec)
    assert provider.config(ref.machine_id) == before


async def test_a_reference_that_is_no_typeid_is_a_mistake_of_ours(connector: VpsConnector) -> None:
    for reference in ("", "svc", "svc_1", "evil-name", f"svc_{'8' * 26}"):
        with pytest.raises(ValueError, match="TypeID"):
            await connector.find(reference)


async def test_wrong_credentials_need_a_person_and_are_not_repeated_in_the_error(
    provider: Provider, ref: MachineRef
) -> None:
    for credentials in (ApiToken("ez@pve!x", "hunter2-token"), Password("root@pam", "hunter2-password")):
        settings = replace(provider.settings, credentials=credentials)
        connector = ProxmoxConnector(settings, http_client)
        with pytest.raises(NeedsHuman) as refused:
            await connector.find(ref.reference)
        await connector.aclose()
        assert "hunter2" not in repr(refused.value) + repr(settings)


async def test_a_self_signed_certificate_is_refused_unless_it_is_named(
    fakepve_server: fakepve.FakePve, fakepve_provider: Provider, ref: MachineRef, tmp_path: Path
) -> None:
    authority = tmp_path / "pve.pem"
    authority.write_text(fakepve_server.certificate)
    unnamed = replace(fakepve_provider.settings, fingerprint=None)
    for settings, trusted in (
        (unnamed, False),
        (replace(unnamed, fingerprint="00" * 32), False),
        (replace(unnamed, fingerprint=fakepve_server.fingerprint.upper()), True),
        (replace(unnamed, ca_file=str(authority)), True),
    ):
        connector = ProxmoxConnector(settings, http_client)
        if trusted:
            assert await connector.find(ref.reference) is None
        else:
            with pytest.raises(ProviderUnavailable, match="certificate"):
                await connector.find(ref.reference)
        await connector.aclose()


def test_credentials_do_not_travel_in_the_clear() -> None:
    for url in ("http://pve.example.net:8006", "ftp://127.0.0.1", "https://u:p@pve.example.net", "pve.example.net"):
        with pytest.raises(ValueError, match="url"):
            ProxmoxSettings(url=url, node="pve1", credentials=ApiToken("a@pve!b", "c"))
