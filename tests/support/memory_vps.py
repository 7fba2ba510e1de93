"""A hypervisor in memory behind the connector's Protocol, with faults on demand, for fast tests of what calls it."""

import asyncio
from dataclasses import dataclass, field, replace

from services.provisioning.adapters.capabilities import (
    IdTaken,
    Machine,
    MachineMissing,
    MachineRef,
    MachineSpec,
    NotOurMachine,
    PowerState,
    ProviderError,
    ProviderUnavailable,
)


@dataclass(slots=True)
class Fault:
    """The next `count` calls of `method` raise `error`: before they do anything, or after they did all of it."""

    method: str
    error: ProviderError
    count: int = 1
    after: bool = False


@dataclass(slots=True)
class MemoryMachine:
    """A machine as it really is. `looks_left` is how often its address is still unknown when asked."""

    machine_id: int
    reference: str | None
    power: PowerState = PowerState.STOPPED
    spec: MachineSpec | None = None
    disk_gb: int = 3
    looks_left: int = 0
    boots: int = 0
    held: bool = False
    runs: MachineSpec | None = None
    """What it was started with: a new size counts from the next start."""

    @property
    def address(self) -> str:
        return f"203.0.113.{self.machine_id % 250}"


@dataclass
class MemoryVps:
    """Implements `VpsConnector`. `away` refuses every call; `gates` hold calls of a method until they are set."""

    machines: dict[int, MemoryMachine] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    away: bool = False
    looks: int = 0
    stays_off: int = 0
    unlisted: set[str] = field(default_factory=set)
    created: int = 0
    closed: bool = False

    def fail(self, method: str, error: ProviderError, *, count: int = 1, after: bool = False) -> None:
        """See `Fault`."""
        self.faults.append(Fault(method, error, count, after))

    def stranger(self, machine_id: int) -> None:
        """A machine of somebody else."""
        self.machines[machine_id] = MemoryMachine(machine_id, None)

    def carrying(self, reference: str) -> list[MemoryMachine]:
        """Every machine with this reference."""
        return [machine for machine in self.machines.values() if machine.reference == reference]

    @property
    def ours(self) -> list[MemoryMachine]:
        """Every machine that carries a reference."""
        return [machine for machine in self.machines.values() if machine.reference is not None]

    async def find(self, reference: str, machine_id: int | None = None) -> Machine | None:
        await self._begin("find")
        found = self.carrying(reference)
        return self._view(found[0]) if found else None

    async def is_free(self, machine_id: int) -> bool:
        await self._begin("is_free")
        return machine_id not in self.machines

    async def create(self, reference: str, machine_id: int, spec: MachineSpec) -> Machine:
        await self._begin("create")
        there = self.machines.get(machine_id)
        if there is not None and there.reference == reference:
            return self._view(there)
        if there is not None:
            raise IdTaken(f"Machine {machine_id} belongs to somebody else")
        self.machines[machine_id] = MemoryMachine(machine_id, reference, looks_left=self.looks)
        self.created += 1
        self._end("create")
        return self._view(self.machines[machine_id])

    async def configure(self, ref: MachineRef, spec: MachineSpec) -> None:
        await self._begin("configure")
        self._machine(ref).spec = replace(spec)
        self._end("configure")

    async def resize_disk(self, ref: MachineRef, disk_gb: int) -> None:
        await self._begin("resize_disk")
        machine = self._machine(ref)
        machine.disk_gb = max(machine.disk_gb, disk_gb)
        self._end("resize_disk")

    async def start(self, ref: MachineRef) -> None:
        await self._begin("start")
        machine = self._machine(ref)
        if self.stays_off > 0:
            self.stays_off -= 1
        elif machine.power is not PowerState.RUNNING:
            self._boot(machine)
        self._end("start")

    async def stop(self, ref: MachineRef) -> None:
        await self._begin("stop")
        self._machine(ref).power = PowerState.STOPPED
        self._end("stop")

    async def reboot(self, ref: MachineRef) -> None:
        await self._begin("reboot")
        self._boot(self._machine(ref))
        self._end("reboot")

    async def hold(self, ref: MachineRef) -> None:
        await self._begin("hold")
        machine = self._machine(ref)
        machine.power, machine.held = PowerState.STOPPED, True
        self._end("hold")

    async def release(self, ref: MachineRef) -> None:
        await self._begin("release")
        self._machine(ref).held = False
        self._end("release")

    async def state(self, ref: MachineRef) -> PowerState:
        await self._begin("state")
        return self._machine(ref).power

    async def address(self, ref: MachineRef) -> str | None:
        await self._begin("address")
        machine = self._machine(ref)
        if machine.looks_left > 0:
            machine.looks_left -= 1
            return None
        return machine.address

    async def destroy(self, ref: MachineRef) -> None:
        await self._begin("destroy")
        if ref.machine_id in self.machines:
            self._machine(ref)
            del self.machines[ref.machine_id]
        self._end("destroy")

    async def list_machines(self) -> list[Machine]:
        await self._begin("list_machines")
        return [self._view(machine) for machine in self.ours if machine.reference not in self.unlisted]

    async def aclose(self) -> None:
        self.closed = True

    async def _begin(self, method: str) -> None:
        self.calls.append(method)
        if self.away:
            raise ProviderUnavailable("No connection to the hypervisor")
        self._raise(method, after=False)
        await asyncio.sleep(0)
        gate = self.gates.get(method)
        if gate is not None:
            await gate.wait()

    def _end(self, method: str) -> None:
        self._raise(method, after=True)

    def _raise(self, method: str, *, after: bool) -> None:
        for fault in self.faults:
            if fault.method == method and fault.after is after and fault.count > 0:
                fault.count -= 1
                raise fault.error

    def _boot(self, machine: MemoryMachine) -> None:
        machine.power, machine.runs = PowerState.RUNNING, machine.spec
        machine.boots += 1

    def _machine(self, ref: MachineRef) -> MemoryMachine:
        machine = self.machines.get(ref.machine_id)
        if machine is None:
            raise MachineMissing(f"There is no machine {ref.machine_id} for {ref.reference}")
        if machine.reference != ref.reference:
            raise NotOurMachine(f"Machine {ref.machine_id} carries {machine.reference}")
        return machine

    def _view(self, machine: MemoryMachine) -> Machine:
        size = machine.runs if machine.power is PowerState.RUNNING and machine.runs else machine.spec
        return Machine(
            ref=MachineRef(machine.reference or "", machine.machine_id),
            name=machine.spec.hostname if machine.spec else "",
            power=machine.power,
            cores=size.cores if size else 1,
            memory_mb=size.memory_mb if size else 512,
            disk_gb=machine.disk_gb,
        )
