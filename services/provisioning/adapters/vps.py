"""What provisioning asks of a hypervisor, whoever made it.

Exactly one machine per resource rests on three habits every connector keeps:

1. The caller reserves a machine id durably BEFORE the first call and passes the same one on every retry.
2. The machine carries our reference (the resource's id, a TypeID) from the first moment it can be told apart.
3. A call whose outcome is unknown is followed by a look, never by another machine.

Every method may be repeated after any error; repeating one that succeeded changes nothing (a reboot excepted).
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol


class ProviderError(Exception):
    """A call to a provider that did not succeed. `failure_class` says what a job does with it.

    The text is for staff and never holds credentials.
    """

    failure_class: ClassVar[str] = "transient"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ProviderUnavailable(ProviderError):
    """Nothing was changed, and later may be better. `retry_after`: seconds the provider asks for, if it does."""

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ProviderAmbiguous(ProviderError):
    """A write was sent and its outcome is unknown: look before writing again."""

    failure_class = "ambiguous"


class ProviderRejected(ProviderError):
    """The provider will never accept this as it is."""

    failure_class = "permanent"


class IdTaken(ProviderRejected):
    """The reserved machine id belongs to somebody else: reserve another."""


class NeedsHuman(ProviderError):
    """Only a person can put this right: credentials, permissions, capacity, a contradiction."""

    failure_class = "needs-human"


class MachineMissing(NeedsHuman):
    """The machine we were told to change is not there."""


class NotOurMachine(NeedsHuman):
    """The machine with this id does not carry our reference; it was not touched."""


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
    """What was sold. Memory in MiB, disk in GiB; without `network` the machine asks DHCP."""

    hostname: str
    template: str
    cores: int
    memory_mb: int
    disk_gb: int
    user: str | None = None
    ssh_keys: tuple[str, ...] = ()
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

    async def propose_id(self, taken: Collection[int]) -> int:
        """An id free at the provider and not in `taken` (those reserved but perhaps not used yet)."""

    async def create(self, reference: str, machine_id: int, spec: MachineSpec) -> Machine:
        """Make the machine or adopt the one that is there; stopped, and not configured yet. Returns when it can be
        worked with. The returned id is `machine_id` unless a machine with this reference existed under another.
        IdTaken when the id is a stranger's."""

    async def configure(self, ref: MachineRef, spec: MachineSpec) -> None:
        """Name, size (but for the disk), user, keys, network and our marks."""

    async def resize_disk(self, ref: MachineRef, disk_gb: int) -> None:
        """Grow the boot disk to `disk_gb` GiB; one that is as large or larger stays as it is."""

    async def start(self, ref: MachineRef) -> None: ...

    async def stop(self, ref: MachineRef) -> None:
        """Ask the system to shut down, and cut the power when it does not."""

    async def reboot(self, ref: MachineRef) -> None:
        """Restart; a stopped machine is started."""

    async def state(self, ref: MachineRef) -> PowerState: ...

    async def address(self, ref: MachineRef) -> str | None:
        """The IPv4 address, once it is known."""

    async def destroy(self, ref: MachineRef) -> None:
        """Stop and delete the machine with its disks. Gone already is success; NotOurMachine changes nothing."""

    async def list_machines(self) -> list[Machine]:
        """Every machine that carries a reference of ours, for comparing our books with the provider's."""

    async def aclose(self) -> None:
        """Let go of connections."""
