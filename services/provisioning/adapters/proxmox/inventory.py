"""Finding machines and reading them: by id, by reference, across the nodes of a cluster."""

import re
from dataclasses import dataclass
from typing import Final

from services.provisioning.adapters.capabilities import (
    Machine,
    MachineMissing,
    MachineRef,
    NeedsHuman,
    NotOurMachine,
    PowerState,
    ProviderUnavailable,
)
from services.provisioning.adapters.proxmox import marks
from services.provisioning.adapters.proxmox.answers import MachineLocked
from services.provisioning.adapters.proxmox.api import Json, ProxmoxApi
from services.provisioning.adapters.proxmox.settings import ProxmoxSettings

GIB: Final = 2**30
_MIB: Final = 2**20
_SIZE: Final = re.compile(r"(?:^|,)size=(\d+(?:\.\d+)?)([KMGT]?)")
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True, slots=True)
class Found:
    """A machine's place and configuration."""

    node: str
    machine_id: int
    config: Json

    @property
    def path(self) -> str:
        return machine_path(self.node, self.machine_id)

    @property
    def owner(self) -> str | None:
        return marks.owner(self.config)

    @property
    def lock(self) -> str | None:
        lock = self.config.get("lock")
        return str(lock) if lock else None


class Inventory:
    """Reads only."""

    def __init__(self, api: ProxmoxApi, settings: ProxmoxSettings) -> None:
        self._api = api
        self._settings = settings

    async def rows(self) -> list[Json]:
        """Every guest of the cluster as the listing shows it. May lag behind the truth by seconds."""
        listed = await self._api.read("/cluster/resources", {"type": "vm"})
        if not isinstance(listed, list):
            raise ProviderUnavailable("Proxmox VE listed no resources")
        return [row for row in listed if isinstance(row, dict) and isinstance(row.get("vmid"), int)]

    async def read(self, machine_id: int) -> Found | None:
        """The machine with this id. Ids are unique in a cluster, but a machine may have moved to another node."""
        node = self._settings.node
        found = await self._read_at(node, machine_id)
        if found is not None:
            return found
        for row in await self.rows():
            if row["vmid"] == machine_id and row.get("node") not in (None, node):
                return await self._read_at(str(row["node"]), machine_id)
        return None

    async def settled(self, machine_id: int) -> Found | None:
        """The machine once no operation holds it; None when there is none (a clone that failed takes itself away).
        MachineLocked when the lock outlasts our patience."""
        found = None
        async for _ in self._api.pauses(self._settings.lock_timeout):
            found = await self.read(machine_id)
            if found is None or found.lock is None:
                return found
        lock = found.lock if found else None
        raise MachineLocked(f"Machine {machine_id} is still locked ({lock}) after {self._settings.lock_timeout:g} s")

    async def known(self, machine_id: int) -> Found | None:
        """The machine once it shows whose it is, locked or not."""
        async for _ in self._api.pauses(self._settings.lock_timeout):
            found = await self.read(machine_id)
            if found is None or not marks.anonymous(found.config):
                return found
        raise MachineLocked(f"Machine {machine_id} is still a placeholder after {self._settings.lock_timeout:g} s")

    async def ours(self, ref: MachineRef) -> Found:
        """The machine, free and certainly ours. Raises MachineMissing, NotOurMachine or MachineLocked."""
        marks.check(ref.reference)
        found = await self.known(ref.machine_id)
        if found is not None and found.owner == ref.reference and found.lock is not None:
            found = await self.settled(ref.machine_id)
        if found is None:
            raise MachineMissing(f"There is no machine {ref.machine_id} for {ref.reference}")
        if found.owner != ref.reference:
            raise NotOurMachine(f"Machine {ref.machine_id} carries {found.owner}, not {ref.reference}")
        return found

    async def carrying(self, reference: str) -> Found | None:
        """The machine whose configuration carries `reference`, looked up through the listing."""
        found = []
        for row in await self.rows():
            if marks.listed_owner(row) != reference:
                continue
            candidate = await self._read_at(str(row.get("node", self._settings.node)), int(str(row["vmid"])))
            if candidate is not None and candidate.owner == reference:
                found.append(candidate)
        if len(found) > 1:
            ids = ", ".join(str(machine.machine_id) for machine in found)
            raise NeedsHuman(f"More than one machine carries {reference}: {ids}")
        return found[0] if found else None

    async def machine(self, found: Found, reference: str) -> Machine:
        """The machine with its current power state."""
        status = await self._api.read(f"{found.path}/status/current")
        if not isinstance(status, dict):
            raise ProviderUnavailable(f"Proxmox VE gave no status of machine {found.machine_id}")
        ref = MachineRef(reference, found.machine_id)
        return machine_of(ref, status, cores=_number(status.get("cpus")), lock=found.lock)

    def disk_bytes(self, found: Found) -> int:
        """The size of the boot disk. NeedsHuman when the machine has none in the expected slot."""
        size = _SIZE.search(str(found.config.get(self._settings.disk, "")))
        if size is None:
            raise NeedsHuman(f"Machine {found.machine_id} has no disk {self._settings.disk} of a known size")
        return int(float(size[1]) * _UNITS[size[2]])

    async def _read_at(self, node: str, machine_id: int) -> Found | None:
        try:
            config = await self._api.read(f"{machine_path(node, machine_id)}/config")
        except MachineMissing:
            return None
        if not isinstance(config, dict):
            raise ProviderUnavailable(f"Proxmox VE gave no configuration of machine {machine_id}")
        return Found(node, machine_id, config)


def machine_path(node: str, machine_id: int) -> str:
    return f"/nodes/{node}/qemu/{machine_id}"


def power_of(status: Json) -> PowerState:
    """Running only when it really runs: a paused machine is reported as "running" with another qmpstatus."""
    if status.get("status") == "stopped":
        return PowerState.STOPPED
    if status.get("status") == "running" and status.get("qmpstatus", "running") == "running":
        return PowerState.RUNNING
    return PowerState.UNKNOWN


def machine_of(ref: MachineRef, row: Json, *, cores: int, lock: str | None) -> Machine:
    """A machine from a line of a listing or from its status."""
    return Machine(
        ref=ref,
        name=str(row.get("name", "")),
        power=power_of(row),
        cores=cores,
        memory_mb=_number(row.get("maxmem")) // _MIB,
        disk_gb=_number(row.get("maxdisk")) // GIB,
        lock=lock,
    )


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float | str) and str(value) else 0
