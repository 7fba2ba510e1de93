"""What a retry, an impatient page and a suspended customer must not get."""

import asyncio
from typing import Any

import pytest

from services.provisioning.adapters.capabilities import MachineSpec, PowerState, ProviderAmbiguous, ProviderUnavailable
from services.provisioning.domain import CREATE
from shared.testing import eventually
from tests.support.callers import customer
from tests.support.provisioning import Provisioning

ACTIVATED = "provisioning.resource.activated.v1"
CALLER = customer()


@pytest.mark.bug("Panelica/pnlcs")
async def test_every_retry_of_a_creation_uses_the_machine_id_that_was_reserved_once(
    provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, ids = provisioning.memory.create, []

    async def noted(reference: str, machine_id: int, spec: MachineSpec) -> Any:
        ids.append(machine_id)
        return await create(reference, machine_id, spec)

    monkeypatch.setattr(provisioning.memory, "create", noted)
    provisioning.memory.fail("create", ProviderUnavailable("away"), count=3)
    provisioning.memory.fail("create", ProviderAmbiguous("no answer"), after=True)
    resource = await provisioning.deliver()
    assert len(ids) == 5
    assert {str(number) for number in ids} == {resource.external_ref}
    assert provisioning.memory.calls.count("is_free") == 1
    assert provisioning.memory.created == 1


@pytest.mark.bug("Paymenter/Paymenter #455")
@pytest.mark.parametrize("step", ["create", "configure", "resize_disk", "start", "address", "state"])
async def test_a_service_is_not_active_while_a_step_before_the_running_machine_is_unfinished(
    provisioning: Provisioning, step: str
) -> None:
    resource = await provisioning.grant(account_id=CALLER.account_id)
    gate = provisioning.memory.gates[step] = asyncio.Event()

    async def held() -> bool:
        return step in provisioning.memory.calls

    async with provisioning.working(), provisioning.client(CALLER) as client:
        await eventually(held, what=f"the hypervisor asked to {step}")
        shown = (await client.get(f"/api/v1/services/{resource.id}")).json()
        assert shown["status"] in ("pending", "provisioning")
        assert await provisioning.facts(ACTIVATED) == []
        gate.set()
        await provisioning.until(resource.id, lambda found: found.status == "active")
    assert [machine.power for machine in provisioning.memory.ours] == [PowerState.RUNNING]
    assert len(await provisioning.facts(ACTIVATED)) == 1


def _writes(provisioning: Provisioning) -> list[tuple[str, str]]:
    """Every route by which a customer can change a service."""
    paths = provisioning.service.app.openapi()["paths"]
    return [
        (method.upper(), path)
        for path, item in paths.items()
        for method in item
        if "{service_id}" in path and "/staff/" not in path and method != "get"
    ]


@pytest.mark.bug("FOSSBilling/Proxmox #19")
@pytest.mark.parametrize("status", ["suspended", "failed", "terminated"])
async def test_a_service_that_is_not_active_cannot_be_started_by_its_customer_by_any_route(
    provisioning: Provisioning, status: str
) -> None:
    """Nothing suspends a service yet, so its row is changed by hand; what the customer may do then is decided here."""
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    [machine] = provisioning.memory.ours
    machine.power = PowerState.STOPPED
    await provisioning.execute(f"UPDATE provisioning.resources SET status = '{status}', power = 'stopped'")
    asked = len(provisioning.memory.calls)
    assert _writes(provisioning)
    async with provisioning.working(), provisioning.client(CALLER) as client:
        for method, path in _writes(provisioning):
            for action in ("start", "reboot"):
                answer = await client.request(
                    method, path.replace("{service_id}", resource.id).replace("{name}", action), json={"action": action}
                )
                # Not merely a body this test does not know: the state refuses it.
                assert answer.status_code == 409, (method, path)
                assert answer.json()["type"].endswith("/service-not-active"), (method, path)
    assert await provisioning.count("jobs", f"intent <> '{CREATE}'") == 0
    assert len(provisioning.memory.calls) == asked
    assert machine.power is PowerState.STOPPED
