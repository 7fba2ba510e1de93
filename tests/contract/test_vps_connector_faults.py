"""The connector in trouble: whatever happens on the way, one resource has one machine."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.provisioning.adapters.capabilities import (
    IdTaken,
    MachineRef,
    NeedsHuman,
    PowerState,
    ProviderAmbiguous,
    ProviderError,
    ProviderFull,
    ProviderUnavailable,
)
from tests.support.failing_hypervisor import (
    CLONE,
    SPEC,
    Connect,
    connect,
    created_in_the_end,
    hypervisor,
    ours,
    quick,
    ref,
    slow,
    slow_hypervisor,
)
from tests.support.hypervisor_sandbox import HypervisorProcess, hypervisor_process

__all__ = ["connect", "hypervisor", "quick", "ref", "slow", "slow_hypervisor"]


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        # The machine was made and only the answer was lost: the look afterwards finds it.
        ({"kind": "hang_after", "seconds": 2}, []),
        ({"kind": "drop_after"}, []),
        # Nothing was made, but nobody could know.
        ({"kind": "drop"}, [ProviderAmbiguous]),
        ({"kind": "error", "status": 500}, [ProviderAmbiguous]),
        ({"kind": "error", "status": 502}, [ProviderAmbiguous]),
        ({"kind": "malformed"}, [ProviderAmbiguous]),
        ({"kind": "error", "status": 500, "count": 3}, [ProviderAmbiguous] * 3),
        # The clone ran and failed; Proxmox VE took its remains away.
        ({"kind": "task_error", "message": "lvcreate failed"}, [ProviderUnavailable]),
        ({"kind": "task_error", "message": "no space left on device"}, [ProviderFull]),
        ({"kind": "error", "status": 429, "retry_after": 7}, [ProviderUnavailable]),
        ({"kind": "error", "status": 403}, [NeedsHuman]),
    ],
)
async def test_a_clone_that_goes_wrong_ends_in_one_machine(
    hypervisor: HypervisorProcess,
    connect: Connect,
    ref: MachineRef,
    fault: dict[str, object],
    expected: list[type[Exception]],
) -> None:
    hypervisor.inject(**({} if fault["kind"] == "task_error" else CLONE), **fault)
    assert await created_in_the_end(connect(hypervisor), ref) == expected
    assert ours(hypervisor, ref.reference) == [ref.machine_id]
    assert len(hypervisor.machines()) == 1


@pytest.mark.fault(26)
async def test_a_clone_that_arrives_after_we_gave_up_is_adopted(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    hypervisor.inject(kind="hang", seconds=1.5, **CLONE)
    connector = connect(hypervisor)
    with pytest.raises(ProviderAmbiguous):
        await connector.create(ref.reference, ref.machine_id, SPEC)
    assert hypervisor.machines() == []
    while not hypervisor.machines():
        await asyncio.sleep(0.05)
    created_at = hypervisor.machines()[0]["created_at"]
    assert await created_in_the_end(connector, ref) == []
    assert [row["created_at"] for row in hypervisor.machines()] == [created_at]


async def test_a_clone_that_arrives_while_another_attempt_runs_makes_no_second_machine(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(hypervisor)
    hypervisor.inject(kind="hang", seconds=1.4, **CLONE)
    with pytest.raises(ProviderAmbiguous):
        await connector.create(ref.reference, ref.machine_id, SPEC)
    # The first clone is done while the second waits, so the second meets an id that is in use: by us.
    hypervisor.inject(kind="hang", seconds=0.45, **CLONE)
    await asyncio.sleep(0.3)
    assert await created_in_the_end(connector, ref) in ([], [ProviderAmbiguous])
    await asyncio.sleep(1)
    assert ours(hypervisor, ref.reference) == [ref.machine_id]
    assert len(hypervisor.machines()) == 1


async def test_a_listing_that_lags_makes_no_second_machine(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    hypervisor.inject(kind="listing_lag", seconds=60)
    hypervisor.inject(kind="drop_after", **CLONE)
    connector = connect(hypervisor)
    await created_in_the_end(connector, ref)

    assert await connector.find(ref.reference) is None
    found = await connector.find(ref.reference, ref.machine_id)
    assert found is not None
    assert not await connector.is_free(ref.machine_id)
    assert await created_in_the_end(connector, ref) == []
    assert len(hypervisor.machines()) == 1


async def test_a_machine_that_runs_is_not_started_again(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(hypervisor)
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.start(ref)
    hypervisor.inject(kind="error", status=403, method="POST", path="/status/start$")
    await connector.start(ref)


async def test_an_attempt_that_died_in_the_middle_is_taken_up_while_the_clone_still_runs(
    slow_hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(slow_hypervisor)
    attempt = asyncio.create_task(connector.create(ref.reference, ref.machine_id, SPEC))
    while not slow_hypervisor.machines():
        await asyncio.sleep(0.02)
    attempt.cancel()
    assert slow_hypervisor.machines()[0]["name"] is None

    machine = await connector.create(ref.reference, ref.machine_id, SPEC)
    assert machine.lock is None
    assert [row["lock"] for row in slow_hypervisor.machines()] == [None]


async def test_a_placeholder_of_a_stranger_is_waited_for_and_not_adopted(
    slow_hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    with slow_hypervisor.api() as api:
        api.post("/nodes/pve1/qemu/9000/clone", data={"newid": 101, "name": "stranger"}).raise_for_status()
    with pytest.raises(IdTaken):
        await connect(slow_hypervisor).create(ref.reference, ref.machine_id, SPEC)
    assert len(slow_hypervisor.machines()) == 1


async def test_a_lock_that_does_not_go_away_is_transient(
    slow_hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(slow_hypervisor, lock_timeout=0.05)
    attempt = asyncio.create_task(connector.create(ref.reference, ref.machine_id, SPEC))
    while not slow_hypervisor.machines():
        await asyncio.sleep(0.02)
    with pytest.raises(ProviderUnavailable, match=r"placeholder|locked"):
        await connector.destroy(ref)
    await attempt


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "status": 500, "method": "POST", "path": "/status/start$", "count": 2},
        {"kind": "task_error", "count": 2},
    ],
)
async def test_a_lock_taken_just_before_a_write_is_waited_for(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef, fault: dict[str, object]
) -> None:
    connector = connect(hypervisor)
    await connector.create(ref.reference, ref.machine_id, SPEC)
    hypervisor.inject(message="VM is locked (backup)", **fault)
    await connector.start(ref)
    assert await connector.state(ref) is PowerState.RUNNING


async def test_a_machine_being_cloned_is_destroyed_once_it_can_be(
    slow_hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(slow_hypervisor)
    attempt = asyncio.create_task(connector.create(ref.reference, ref.machine_id, SPEC))
    while not slow_hypervisor.machines():
        await asyncio.sleep(0.02)
    await connector.destroy(ref)
    assert slow_hypervisor.machines() == []
    await asyncio.gather(attempt, return_exceptions=True)


async def test_an_address_is_known_once_the_guest_says_it(
    slow_hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(slow_hypervisor)
    await connector.create(ref.reference, ref.machine_id, SPEC)
    assert await connector.address(ref) is None
    await connector.start(ref)
    assert await connector.address(ref) is None
    deadline = time.monotonic() + 5
    while (address := await connector.address(ref)) is None and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert address is not None
    assert address.startswith("203.0.113.")


@pytest.mark.parametrize("kind", ["drop", "drop_after", "error"])
async def test_every_step_may_be_repeated_after_its_outcome_was_lost(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef, kind: str
) -> None:
    connector = connect(hypervisor)
    await connector.create(ref.reference, ref.machine_id, SPEC)
    steps: list[tuple[str, str, Callable[[], Awaitable[None]]]] = [
        ("POST", "/config$", lambda: connector.configure(ref, SPEC)),
        ("PUT", "/resize$", lambda: connector.resize_disk(ref, 20)),
        ("POST", "/status/start$", lambda: connector.start(ref)),
        ("POST", "/status/shutdown$", lambda: connector.stop(ref)),
        ("DELETE", "/101$", lambda: connector.destroy(ref)),
    ]
    for method, path, step in steps:
        hypervisor.inject(kind=kind, method=method, path=path)
        with pytest.raises(ProviderAmbiguous):
            await step()
        await step()
        if path == "/resize$":
            assert hypervisor.machines()[0]["disk_bytes"] == 20 * 2**30
        if path == "/status/start$":
            assert await connector.state(ref) is PowerState.RUNNING
    assert hypervisor.machines() == []


async def test_two_machines_with_one_reference_are_left_to_a_person(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(hypervisor)
    await connector.create(ref.reference, ref.machine_id, SPEC)
    await connector.configure(ref, SPEC)
    with hypervisor.api() as api:
        copy = {"newid": 300, "name": "copy", "full": 1}
        api.post("/nodes/pve1/qemu/101/clone", data=copy).raise_for_status()
    with pytest.raises(NeedsHuman, match="101, 300"):
        await connector.find(ref.reference)
    reserved = await connector.find(ref.reference, ref.machine_id)
    assert reserved is not None
    assert reserved.ref == ref


async def test_a_killed_hypervisor_comes_back_with_the_clone_it_had_begun(
    connect: Connect, ref: MachineRef, tmp_path: Path
) -> None:
    with hypervisor_process(state_path=tmp_path / "pve.sqlite", time_scale=0.4) as process:
        connector = connect(process)
        attempt = asyncio.create_task(connector.create(ref.reference, ref.machine_id, SPEC))
        while not process.machines():
            await asyncio.sleep(0.02)
        process.kill()
        with pytest.raises(ProviderError):
            await attempt
        process.start()
        assert [row["vmid"] for row in process.machines()] == [ref.machine_id]
        assert await created_in_the_end(connector, ref) == []
        await connector.configure(ref, SPEC)
        process.kill()
        process.start()
        found = await connector.find(ref.reference)
        assert found is not None
        assert found.cores == 2
        assert len(process.machines()) == 1
