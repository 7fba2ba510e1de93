"""What the VPS connector refuses: machines of others, what would break cloud-init, wrong credentials, plain HTTP."""

from dataclasses import replace
from pathlib import Path

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
    provider,
    ref,
    sandbox_provider,
)

__all__ = ["connector", "fakepve_provider", "fakepve_server", "provider", "ref", "sandbox_provider"]


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
