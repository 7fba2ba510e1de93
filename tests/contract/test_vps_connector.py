"""One suite for the Proxmox connector, against our own stand-in and against one that others wrote."""

import asyncio
from dataclasses import replace
from urllib.parse import unquote

import pytest

from services.provisioning.adapters.capabilities import MachineRef, PowerState, StaticAddress, VpsConnector
from services.provisioning.adapters.proxmox import ProxmoxConnector
from services.provisioning.adapters.proxmox.api import Fields, ProxmoxApi
from shared.kernel.ids import new_id
from shared.web.client import http_client
from tests.support import fakepve
from tests.support.vps_providers import (
    KEY,
    SPEC,
    Provider,
    connector,
    fakepve_provider,
    fakepve_server,
    machine_ids,
    provider,
    ref,
    sandbox_provider,
)

__all__ = ["connector", "fakepve_provider", "fakepve_server", "provider", "ref", "sandbox_provider"]


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


async def test_a_password_is_put_in(provider: Provider, connector: VpsConnector, ref: MachineRef) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.configure(ref, replace(SPEC, user="root", password="hunter2-hunter2"))
    config = provider.config(ref.machine_id)
    assert config["ciuser"] == "root"
    # Proxmox VE shows stars in its place; the server somebody else wrote shows what it was given.
    assert str(config["cipassword"]) in ("*" * 10, "hunter2-hunter2")


async def test_the_list_holds_our_machines_only(connector: VpsConnector, ref: MachineRef) -> None:
    await connector.create(ref.reference, ref.machine_id, SPEC)
    configured = MachineRef(new_id("svc"), next(machine_ids))
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
