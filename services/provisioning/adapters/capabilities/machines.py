"""What provisioning asks of a hypervisor, whoever made it.

Exactly one machine per resource rests on three habits every connector keeps:

1. The caller reserves a machine id durably BEFORE the first call and passes the same one on every retry.
2. The machine carries our reference (the resource's id, a TypeID) from the first moment it can be told apart.
3. A call whose outcome is unknown is followed by a look, never by another machine.

Every method may be repeated after any error; repeating one that succeeded changes nothing (a reboot excepted).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class PowerState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    UNKNOWN = "unknown"
    """Paused, suspended, or in a state this connector does not know."""


@dataclass(frozen=True, slots=True)
class StaticAddress:
    """An IPv4 address we hand out. `cidr` is the address with its prefix length, e.g. `203.0.113.7/24`."""

    cidr: str
    gateway: str


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What was sold. Memory in MiB, disk in GiB; without `network` the machine asks DHCP.

    `password` is the user's first one; None leaves the one that is set. `autostart`: it comes up with its host.
    """

    hostname: str
    template: str
    cores: int
    memory_mb: int
    disk_gb: int
    user: str | None = None
    ssh_keys: tuple[str, ...] = ()
    password: str | None = field(default=None, repr=False)
    autostart: bool = True
    network: StaticAddress | None = None
    nameservers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MachineRef:
    """A machine by both of its names: ours and the provider's. Nothing is changed unless both agree."""

    reference: str
    machine_id: int


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the provider shows it. `lock` names an operation that holds it, e.g. "backup"."""

    ref: MachineRef
    name: str
    power: PowerState
    cores: int
    memory_mb: int
    disk_gb: int
    lock: str | None = None


class VpsConnector(Protocol):
    """One hypervisor or cluster. Every method raises the errors above and nothing else."""

    async def find(self, reference: str, machine_id: int | None = None) -> Machine | None:
        """The machine that carries `reference`. `machine_id`, when reserved, is looked at first and directly, because
        a listing may lag behind. NeedsHuman when several carry it."""

    async def is_free(self, machine_id: int) -> bool:
        """Whether no machine has this id. Costs the same however many machines there are."""

    async def create(self, reference: str, machine_id: int, spec: MachineSpec) -> Machine:
        """Make the machine or adopt the one with this id that carries our reference; stopped, and not configured yet.
        Returns when it can be worked with. IdTaken when the id is a stranger's."""

    async def configure(self, ref: MachineRef, spec: MachineSpec) -> None:
        """Name, size (but for the disk), user, keys, network and our marks."""

    async def resize_disk(self, ref: MachineRef, disk_gb: int) -> None:
        """Grow the boot disk to `disk_gb` GiB; one that is as large or larger stays as it is."""

    async def start(self, ref: MachineRef) -> None: ...

    async def stop(self, ref: MachineRef) -> None:
        """Ask the system to shut down, and cut the power when it does not."""

    async def reboot(self, ref: MachineRef) -> None:
        """Restart; a stopped machine is started."""

    async def hold(self, ref: MachineRef) -> None:
        """Stop it and see to it that it stays off: it does not come up with its host, cannot be deleted by accident,
        and everybody who looks can see why."""

    async def release(self, ref: MachineRef) -> None:
        """Take back what `hold` set; the machine is not started."""

    async def state(self, ref: MachineRef) -> PowerState: ...

    async def address(self, ref: MachineRef) -> str | None:
        """The IPv4 address, once it is known."""

    async def destroy(self, ref: MachineRef) -> None:
        """Stop and delete the machine with its disks, held or not. Gone already is success; NotOurMachine changes
        nothing."""

    async def list_machines(self) -> list[Machine]:
        """Every machine that carries a reference of ours, for comparing our books with the provider's."""

    async def aclose(self) -> None:
        """Let go of connections."""
