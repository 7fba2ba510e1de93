"""The operations on machines. Every write first makes sure that the machine is ours and held by no lock."""

import ipaddress
import re
from collections.abc import Awaitable, Callable
from typing import Final

from services.provisioning.adapters.capabilities import (
    IdTaken,
    Machine,
    MachineMissing,
    MachineRef,
    MachineSpec,
    NeedsHuman,
    NotOurMachine,
    PowerState,
    ProviderAmbiguous,
    ProviderRejected,
    ProviderUnavailable,
)
from services.provisioning.adapters.proxmox import cloudinit, marks
from services.provisioning.adapters.proxmox.answers import AgentSilent, AlreadyThere, IdInUse, MachineLocked
from services.provisioning.adapters.proxmox.api import Fields, HttpClientFactory, ProxmoxApi
from services.provisioning.adapters.proxmox.inventory import (
    GIB,
    Found,
    Inventory,
    machine_of,
    machine_path,
    power_of,
)
from services.provisioning.adapters.proxmox.settings import ProxmoxSettings

_STATIC: Final = re.compile(r"(?:^|,)ip=(\d+\.\d+\.\d+\.\d+)/\d+")


class ProxmoxConnector:
    """A `VpsConnector` for one Proxmox VE cluster. `http` is `shared.web.client.http_client` or one like it."""

    def __init__(self, settings: ProxmoxSettings, http: HttpClientFactory) -> None:
        self._settings = settings
        self._api = ProxmoxApi(settings, http)
        self._inventory = Inventory(self._api, settings)

    async def aclose(self) -> None:
        await self._api.aclose()

    async def find(self, reference: str, machine_id: int | None = None) -> Machine | None:
        marks.check(reference)
        found = await self._inventory.known(machine_id) if machine_id is not None else None
        if found is None or found.owner != reference:
            found = await self._inventory.carrying(reference)
        return await self._inventory.machine(found, reference) if found is not None else None

    async def is_free(self, machine_id: int) -> bool:
        """Asked of the cluster's own table of ids, which knows machines on every node and placeholders too."""
        try:
            await self._api.read("/cluster/nextid", {"vmid": machine_id})
        except ProviderRejected:
            return False
        return True

    async def create(self, reference: str, machine_id: int, spec: MachineSpec) -> Machine:
        marks.check(reference)
        if not await self.is_free(machine_id):
            there = await self._adopt(reference, machine_id)
            if there is not None:
                return there
        try:
            await self._clone(reference, machine_id, spec)
        except IdInUse:
            pass  # taken since we looked, by a stranger or by another attempt of our own: the look below tells
        except ProviderAmbiguous as lost:
            there = await self._after_losing_sight(reference, machine_id)
            if there is None:
                raise lost
            return there
        made = await self._adopt(reference, machine_id)
        if made is None:
            raise ProviderUnavailable(f"Machine {machine_id} is not there after it was made")
        return made

    async def configure(self, ref: MachineRef, spec: MachineSpec) -> None:
        async def change() -> None:
            found = await self._inventory.ours(ref)
            await self._api.run("POST", f"{found.path}/config", self._configuration(found, ref.reference, spec))

        await self._when_unlocked(change)

    async def resize_disk(self, ref: MachineRef, disk_gb: int) -> None:
        async def change() -> None:
            found = await self._inventory.ours(ref)
            # Absolute and never smaller: a relative size would grow the disk again on every repeat.
            if self._inventory.disk_bytes(found) < disk_gb * GIB:
                fields: Fields = {"disk": self._settings.disk, "size": f"{disk_gb}G"}
                await self._api.run("PUT", f"{found.path}/resize", fields)

        await self._when_unlocked(change)

    async def start(self, ref: MachineRef) -> None:
        await self._power(ref, "start", unless=PowerState.RUNNING)

    async def stop(self, ref: MachineRef) -> None:
        fields = {"timeout": self._settings.shutdown_timeout, "forceStop": 1}
        await self._power(ref, "shutdown", unless=PowerState.STOPPED, fields=fields)

    async def reboot(self, ref: MachineRef) -> None:
        if await self.state(ref) is PowerState.STOPPED:
            await self.start(ref)
        else:
            await self._power(ref, "reboot", fields={"timeout": self._settings.shutdown_timeout})

    async def hold(self, ref: MachineRef) -> None:
        # Marked first: a host that restarts between the two calls must not bring it up again.
        await self._mark(ref, held=True)
        await self.stop(ref)

    async def release(self, ref: MachineRef) -> None:
        await self._mark(ref, held=False)

    async def state(self, ref: MachineRef) -> PowerState:
        found = await self._owned(ref)
        return await self._state(found)

    async def address(self, ref: MachineRef) -> str | None:
        found = await self._owned(ref)
        static = _STATIC.search(str(found.config.get("ipconfig0", "")))
        if static is not None:
            return static[1]
        try:
            answer = await self._api.read(f"{found.path}/agent/network-get-interfaces")
        except AgentSilent:
            return None
        return _first_address(answer)

    async def destroy(self, ref: MachineRef) -> None:
        async def remove() -> None:
            found = await self._inventory.ours(ref)
            if await self._state(found) is not PowerState.STOPPED:
                await self._api.run("POST", f"{found.path}/status/stop")
            if str(found.config.get("protection", 0)) == "1":  # Perl writes numbers as either
                await self._api.run("POST", f"{found.path}/config", {"protection": 0})
            await self._api.run("DELETE", found.path, {"purge": 1, "destroy-unreferenced-disks": 1})

        try:
            await self._when_unlocked(remove)
        except MachineMissing:
            return  # gone, by us earlier or by somebody else just now

    async def list_machines(self) -> list[Machine]:
        machines = []
        for row in await self._inventory.rows():
            reference = marks.listed_owner(row)
            if reference is None or row.get("template") == 1:
                continue
            ref = MachineRef(reference, int(str(row["vmid"])))
            lock = row.get("lock")
            cores = int(str(row.get("maxcpu", 0)))
            machines.append(machine_of(ref, row, cores=cores, lock=str(lock) if lock else None))
        return machines

    async def _adopt(self, reference: str, machine_id: int) -> Machine | None:
        """The machine with this id, once it can be worked with, if it is ours. IdTaken if it is not."""
        found = await self._inventory.known(machine_id)
        if found is not None and found.owner != reference:
            raise IdTaken(f"Machine {machine_id} belongs to somebody else")
        found = await self._inventory.settled(machine_id) if found is not None else None
        return await self._inventory.machine(found, reference) if found is not None else None

    async def _clone(self, reference: str, machine_id: int, spec: MachineSpec) -> None:
        node, template = await self._template(spec.template)
        fields: dict[str, str | int] = {
            "newid": machine_id,
            "name": marks.label(reference),
            "description": marks.description(reference),
            "full": int(self._settings.full_clone),
        }
        if self._settings.full_clone and self._settings.storage is not None:
            fields["storage"] = self._settings.storage
        if self._settings.pool is not None:
            fields["pool"] = self._settings.pool
        if node != self._settings.node:
            fields["target"] = self._settings.node
        await self._api.run("POST", f"{machine_path(node, template)}/clone", fields)

    async def _after_losing_sight(self, reference: str, machine_id: int) -> Machine | None:
        """Whether a clone whose answer was lost has left a machine. None when that cannot be seen now."""
        async for _ in self._api.pauses(self._settings.reappearance_timeout):
            try:
                made = await self._adopt(reference, machine_id)
            except ProviderUnavailable:
                continue
            if made is not None:
                return made
        return None

    async def _template(self, name: str) -> tuple[str, int]:
        """Node and id of a template."""
        if name in self._settings.templates:
            return self._settings.node, self._settings.templates[name]
        rows = [row for row in await self._inventory.rows() if row.get("template") == 1 and row.get("name") == name]
        if not rows:
            raise NeedsHuman(f"Proxmox VE has no template {name}")
        here = self._settings.node
        row = min(rows, key=lambda row: (row.get("node") != here, int(str(row["vmid"]))))
        return str(row.get("node", here)), int(str(row["vmid"]))

    def _configuration(self, found: Found, reference: str, spec: MachineSpec) -> Fields:
        """Everything in one write, so that the reference moves from the name to the tags in one step."""
        wanted = cloudinit.fields(spec)
        present = str(found.config.get("tags", ""))
        wanted["tags"] = marks.tags(reference, self._settings.managed_tag, present)
        if not marks.described(found.config, reference):
            wanted["description"] = marks.description(reference)
        return wanted

    async def _mark(self, ref: MachineRef, *, held: bool) -> None:
        async def change() -> None:
            found = await self._inventory.ours(ref)
            tags = marks.with_hold(str(found.config.get("tags", "")), held=held)
            fields: Fields = {"onboot": int(not held), "protection": int(held), "tags": tags}
            if any(str(found.config.get(name, 0)) != str(value) for name, value in fields.items()):
                await self._api.run("POST", f"{found.path}/config", fields)

        await self._when_unlocked(change)

    async def _power(
        self, ref: MachineRef, verb: str, *, unless: PowerState | None = None, fields: Fields | None = None
    ) -> None:
        async def change() -> None:
            found = await self._inventory.ours(ref)
            if await self._state(found) is unless:
                return
            try:
                await self._api.run("POST", f"{found.path}/status/{verb}", fields)
            except AlreadyThere as refused:
                # Somebody else was faster, or the machine is paused: then it is not what we asked for.
                if await self._state(found) is not unless:
                    raise ProviderUnavailable(refused.detail) from None

        await self._when_unlocked(change)

    async def _owned(self, ref: MachineRef) -> Found:
        """The machine, locked or not, if it is ours: enough for looking."""
        marks.check(ref.reference)
        found = await self._inventory.read(ref.machine_id)
        if found is None:
            raise MachineMissing(f"There is no machine {ref.machine_id} for {ref.reference}")
        if found.owner != ref.reference:
            raise NotOurMachine(f"Machine {ref.machine_id} carries {found.owner}, not {ref.reference}")
        return found

    async def _state(self, found: Found) -> PowerState:
        status = await self._api.read(f"{found.path}/status/current")
        return power_of(status) if isinstance(status, dict) else PowerState.UNKNOWN

    async def _when_unlocked(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do it; a lock taken between our look and our call (it was not begun then) is waited for."""
        locked = MachineLocked("The machine is locked")
        async for _ in self._api.pauses(self._settings.lock_timeout):
            try:
                await action()
            except MachineLocked as refused:
                locked = refused
            else:
                return
        raise locked


def _first_address(answer: object) -> str | None:
    """The first IPv4 address of the guest that others can reach. The guest writes this answer: trust no shape."""
    interfaces = answer.get("result") if isinstance(answer, dict) else None
    for interface in interfaces if isinstance(interfaces, list) else []:
        entries = interface.get("ip-addresses") if isinstance(interface, dict) else None
        for entry in entries if isinstance(entries, list) else []:
            try:
                address = ipaddress.IPv4Address(str(entry["ip-address"]))
            except (KeyError, TypeError, ValueError):
                continue
            if not (address.is_loopback or address.is_link_local or address.is_unspecified):
                return str(address)
    return None
