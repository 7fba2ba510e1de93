"""What each step asks of a connector. Every step may be repeated, after any failure and by any worker."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from services.provisioning.adapters.providers import Provider
from services.provisioning.adapters.vps import (
    MachineRef,
    MachineSpec,
    NeedsHuman,
    PowerState,
    ProviderRejected,
    VpsConnector,
)
from services.provisioning.domain import RESERVE, START
from services.provisioning.use_cases.run_job import StepResult, StepTask
from shared.kernel.crashpoints import reach

ReservedIds = Callable[[], Awaitable[Collection[int]]]


class NotYet(Exception):
    """The provider did its part and the machine needs a moment more."""


class GoBack(Exception):
    """An earlier step has come undone and must be repeated first."""

    def __init__(self, to: str, reason: str) -> None:
        super().__init__(reason)
        self.to = to
        self.reason = reason


async def perform(task: StepTask, provider: Provider, reserved: ReservedIds) -> StepResult:
    """Does one step. `reserved` tells the machine ids our books hold already.

    Raises what a connector raises, NotYet or GoBack.
    """
    if task.machine_id is None:
        if task.step != RESERVE:
            raise NeedsHuman(f"Our books hold no machine id for {task.reference}")
        return await _reserve(task, provider, reserved)
    return await _STEPS[task.step](provider.connector, task, MachineRef(task.reference, task.machine_id))


async def _reserve(task: StepTask, provider: Provider, reserved: ReservedIds) -> StepResult:
    """An id for the machine; the one it has, should it exist already (our books may come from a backup)."""
    there = await provider.connector.find(task.reference)
    if there is not None:
        return StepResult(machine_id=there.ref.machine_id)
    async with provider.proposing:
        taken = set(await reserved()) | provider.proposed
        proposal = await provider.connector.propose_id(taken)
        provider.proposed.add(proposal)
    return StepResult(machine_id=proposal)


async def _reserved_before(_connector: VpsConnector, _task: StepTask, ref: MachineRef) -> StepResult:
    return StepResult(machine_id=ref.machine_id)


async def _create(connector: VpsConnector, task: StepTask, ref: MachineRef) -> StepResult:
    spec = machine_spec(task)
    reach("provisioning.before_create")
    machine = await connector.create(ref.reference, ref.machine_id, spec)
    reach("provisioning.after_create")
    return StepResult(machine_id=machine.ref.machine_id)


async def _configure(connector: VpsConnector, task: StepTask, ref: MachineRef) -> StepResult:
    await connector.configure(ref, machine_spec(task))
    return StepResult()


async def _grow_disk(connector: VpsConnector, task: StepTask, ref: MachineRef) -> StepResult:
    await connector.resize_disk(ref, machine_spec(task).disk_gb)
    return StepResult()


async def _start(connector: VpsConnector, _task: StepTask, ref: MachineRef) -> StepResult:
    await connector.start(ref)
    return StepResult()


async def _stop(connector: VpsConnector, _task: StepTask, ref: MachineRef) -> StepResult:
    await connector.stop(ref)
    return StepResult()


async def _reboot(connector: VpsConnector, _task: StepTask, ref: MachineRef) -> StepResult:
    await connector.reboot(ref)
    return StepResult()


async def _address(connector: VpsConnector, _task: StepTask, ref: MachineRef) -> StepResult:
    address = await connector.address(ref)
    if address is None:
        raise NotYet("The machine has not told its address yet")
    return StepResult(ipv4=address)


async def _verify(connector: VpsConnector, task: StepTask, ref: MachineRef) -> StepResult:
    """It runs; its address is read again, because a restart may have brought another one."""
    state = await connector.state(ref)
    if state is PowerState.STOPPED and task.kind != "reboot":
        raise GoBack(START, "The machine was found stopped after it was started")
    if state is not PowerState.RUNNING:
        raise NotYet(f"The machine is {state.value}, not running")
    return StepResult(power=state.value, ipv4=await connector.address(ref))


async def _verify_stopped(connector: VpsConnector, _task: StepTask, ref: MachineRef) -> StepResult:
    state = await connector.state(ref)
    if state is not PowerState.STOPPED:
        raise NotYet(f"The machine is {state.value}, not stopped")
    return StepResult(power=state.value)


_STEPS: Mapping[str, Callable[[VpsConnector, StepTask, MachineRef], Awaitable[StepResult]]] = {
    "reserve": _reserved_before,
    "create": _create,
    "configure": _configure,
    "grow_disk": _grow_disk,
    "start": _start,
    "stop": _stop,
    "reboot": _reboot,
    "address": _address,
    "verify": _verify,
    "verify_stopped": _verify_stopped,
}


def machine_spec(task: StepTask) -> MachineSpec:
    """What was sold, in a connector's words. Raises ProviderRejected naming what the plan does not say."""
    return MachineSpec(
        hostname=task.name,
        template=task.template,
        cores=_size(task.spec, "cores"),
        memory_mb=_size(task.spec, "memory_mb"),
        disk_gb=_size(task.spec, "disk_gb"),
    )


def _size(spec: Mapping[str, Any], name: str) -> int:
    value = spec.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ProviderRejected(f"The plan's {name} is not a positive whole number")
    return value
