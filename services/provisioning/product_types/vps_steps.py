"""What each step of a virtual machine asks of a connector."""

from collections.abc import Mapping
from typing import Any

from services.provisioning.adapters.capabilities import (
    MachineMissing,
    MachineRef,
    MachineSpec,
    NeedsHuman,
    PowerState,
    ProviderRejected,
    VpsConnector,
)
from services.provisioning.product_types.base import GoBack, NotYet, Records, Step, StepResult, StepTask
from shared.kernel.crashpoints import reach
from shared.kernel.ssh_keys import parse_public_key

START = "start"
USER = "root"
_MOST_NUMBERS = 1000


async def _reserve(connector: VpsConnector, task: StepTask, records: Records) -> StepResult:
    """A machine id of its own: the next number of ours that is free there. A number that is in use there means that
    our records may have forgotten machines (they come from a backup, say): then one that carries our reference is
    looked for in the whole listing, which nothing else here ever reads."""
    if task.external_ref is not None:
        return StepResult(external_ref=task.external_ref)
    looked = task.look
    if looked and (there := await connector.find(task.reference)) is not None:
        return StepResult(external_ref=str(there.ref.machine_id))
    for _ in range(_MOST_NUMBERS):
        candidate = await records.new_number()
        if await connector.is_free(candidate):
            return StepResult(external_ref=str(candidate))
        if not looked:
            looked = True
            await records.was_taken()
            if (there := await connector.find(task.reference)) is not None:
                return StepResult(external_ref=str(there.ref.machine_id))
    raise NeedsHuman(f"{_MOST_NUMBERS} machine ids in a row are taken")


async def _create(connector: VpsConnector, task: StepTask, records: Records) -> StepResult:
    ref, spec = _ref(task), await _ordered(task, records)
    reach("provisioning.before_create")
    machine = await connector.create(ref.reference, ref.machine_id, spec)
    reach("provisioning.after_create")
    return StepResult(external_ref=str(machine.ref.machine_id))


async def _configure(connector: VpsConnector, task: StepTask, records: Records) -> StepResult:
    await connector.configure(_ref(task), await _ordered(task, records))
    return StepResult()


async def _grow_disk(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    await connector.resize_disk(_ref(task), machine_spec(task).disk_gb)
    return StepResult()


async def _start(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    await connector.start(_ref(task))
    return StepResult()


async def _stop(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    await connector.stop(_ref(task))
    return StepResult()


async def _reboot(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    await connector.reboot(_ref(task))
    return StepResult()


async def _restart(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    """A new size counts from the next start; a machine that is off stays off."""
    ref = _ref(task)
    if await connector.state(ref) is not PowerState.STOPPED:
        await connector.reboot(ref)
    return StepResult()


async def _hold(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    """Nothing that is not there can run: what was never made, or is gone, is held."""
    if task.external_ref is not None:
        try:
            await connector.hold(_ref(task))
        except MachineMissing:
            if task.intent != "terminate":
                raise
    return StepResult()


async def _release(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    await connector.release(_ref(task))
    return StepResult()


async def _destroy(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    if task.external_ref is not None:
        await connector.destroy(_ref(task))
    return StepResult()


async def _address(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    address = await connector.address(_ref(task))
    if address is None:
        raise NotYet("The machine has not told its address yet")
    return StepResult(attributes={"ipv4": address})


async def _verify(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    """It runs; its address is read again, because a restart may have brought another one."""
    ref = _ref(task)
    state = await connector.state(ref)
    if state is PowerState.STOPPED and task.intent != "reboot":
        raise GoBack(START, "The machine was found stopped after it was started")
    if state is not PowerState.RUNNING:
        raise NotYet(f"The machine is {state.value}, not running")
    return StepResult(power=state.value, attributes=_told(await connector.address(ref)))


async def _verify_stopped(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    if task.external_ref is None:
        return StepResult()
    try:
        state = await connector.state(_ref(task))
    except MachineMissing:
        if task.intent != "terminate":
            raise
        return StepResult(power="unknown")
    if state is not PowerState.STOPPED:
        raise NotYet(f"The machine is {state.value}, not stopped")
    return StepResult(power=state.value)


async def _verify_size(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    """What the provider really gives it, not what it was told to."""
    ref, wanted = _ref(task), machine_spec(task)
    machine = await connector.find(ref.reference, ref.machine_id)
    if machine is None:
        raise MachineMissing(f"There is no machine {ref.machine_id} for {ref.reference}")
    if machine.power is PowerState.UNKNOWN or (machine.cores, machine.memory_mb) != (wanted.cores, wanted.memory_mb):
        raise NotYet(f"The machine has {machine.cores} cores and {machine.memory_mb} MB")
    running = machine.power is PowerState.RUNNING
    return StepResult(power=machine.power.value, attributes=_told(await connector.address(ref)) if running else {})


async def _verify_gone(connector: VpsConnector, task: StepTask, _records: Records) -> StepResult:
    if await connector.find(task.reference, machine_id_of(task.external_ref)) is not None:
        raise GoBack("destroy", "The machine was found again after it was deleted")
    return StepResult(power="unknown")


STEPS: Mapping[str, Step] = {
    "reserve": _reserve,
    "create": _create,
    "configure": _configure,
    "grow_disk": _grow_disk,
    "start": _start,
    "stop": _stop,
    "reboot": _reboot,
    "restart": _restart,
    "hold": _hold,
    "release": _release,
    "destroy": _destroy,
    "address": _address,
    "verify": _verify,
    "verify_stopped": _verify_stopped,
    "verify_size": _verify_size,
    "verify_gone": _verify_gone,
}


def machine_spec(task: StepTask, password: str | None = None) -> MachineSpec:
    """What was sold, in a connector's words. Raises ProviderRejected naming what cannot be accepted."""
    template = task.configuration.get("template")
    if not isinstance(template, str) or not template:
        raise ProviderRejected("The configuration names no template")
    try:
        # A comment in letters that not every cloud-init takes is only a name: the key itself is plain ASCII.
        keys = tuple(
            parse_public_key(line).line.encode("ascii", "ignore").decode() for line in keys_of(task.configuration)
        )
    except ValueError as problem:
        raise ProviderRejected(str(problem)) from None
    return MachineSpec(
        hostname=task.name,
        template=template,
        cores=_size(task.spec, "cores"),
        memory_mb=_size(task.spec, "memory_mb"),
        disk_gb=_size(task.spec, "disk_gb"),
        user=USER if keys or password else None,
        ssh_keys=keys,
        password=password,
        autostart=not task.held,
    )


def keys_of(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """The public keys to put in, as they were ordered."""
    keys = configuration.get("ssh_keys")
    return tuple(str(key) for key in keys) if isinstance(keys, list) else ()


def machine_id_of(external_ref: str | None) -> int | None:
    """A machine's number at its provider."""
    return None if external_ref is None else int(external_ref)


async def _ordered(task: StepTask, records: Records) -> MachineSpec:
    """With the password its owner asked for, until that was shown: what they changed since must stay."""
    wanted = task.intent == "create" and task.configuration.get("root_password") is True
    return machine_spec(task, await records.one_time_secret() if wanted else None)


def _ref(task: StepTask) -> MachineRef:
    machine_id = machine_id_of(task.external_ref)
    if machine_id is None:
        raise NeedsHuman(f"Our records hold no machine id for {task.reference}")
    return MachineRef(task.reference, machine_id)


def _told(address: str | None) -> dict[str, str]:
    return {} if address is None else {"ipv4": address}


def _size(spec: Mapping[str, Any], name: str) -> int:
    value = spec.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ProviderRejected(f"The plan's {name} is not a positive whole number")
    return value
