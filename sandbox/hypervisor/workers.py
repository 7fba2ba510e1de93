"""What each kind of task does to a machine when it ends. A worker that fails raises TaskFailed with the exit status."""

import hashlib
import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from sandbox.hypervisor import cloudinit
from sandbox.hypervisor.models import DISK_KEY, ConfigValue, Machine, Task, parse_size, volume_size, with_size
from sandbox.hypervisor.store import Store

DURATIONS: Final[Mapping[str, float]] = {
    "qmclone": 1.8, "qmconfig": 0.2, "resize": 0.3, "qmstart": 0.7, "qmstop": 0.6, "qmshutdown": 1.5,
    "qmreboot": 2.0, "qmreset": 0.2, "qmsuspend": 0.3, "qmresume": 0.2, "qmdestroy": 0.8,
}  # fmt: skip
"""Seconds each kind of task takes before `time_scale`."""
BOOT_SECONDS: Final = 0.9
"""Seconds from power on until the guest agent answers, before `time_scale`."""
PLACEHOLDER: Final = " qmclone temporary file\n"
"""The description a clone's configuration carries until its first drive is being written."""
PLACEHOLDER_SHARE: Final = 0.3
"""The part of a clone's time during which only the placeholder is there."""
_LEASES: Final = [str(address) for address in ipaddress.ip_network("203.0.113.0/24")][10:251] + [
    str(address) for address in ipaddress.ip_network("198.18.0.0/20").hosts()
]
"""Documentation addresses (RFC 5737), and when those are used up, addresses for benchmarks (RFC 2544)."""
_SIZES: Final = ("cores", "sockets", "memory")
_OWN_TO_EACH: Final = frozenset({"template", "digest", "smbios1", "vmgenid"})


class TaskFailed(Exception):
    """The exit status of a task that did not end in OK."""


class Workers:
    """Applies tasks to the machines of one store."""

    def __init__(self, store: Store, time_scale: float) -> None:
        self._store = store
        self._boot_seconds = BOOT_SECONDS * time_scale
        self._work: Mapping[str, Callable[[Task, Machine], None]] = {
            "qmconfig": lambda task, machine: self.configure(machine, task.arguments),
            "resize": self._resize,
            "qmstart": self._start,
            "qmstop": self._stop,
            "qmshutdown": self._stop,
            "qmreboot": self._restart,
            "qmreset": self._restart,
            "qmsuspend": self._suspend,
            "qmresume": self._resume,
            "qmdestroy": self._destroy,
        }

    def run(self, task: Task) -> str:
        """Do the task's work and return its exit status, "OK" or what went wrong."""
        try:
            if task.type == "qmclone":
                self._finish_clone(task)
            else:
                machine = self._store.machines.get(int(task.id))
                if machine is None:
                    raise TaskFailed(
                        f"Configuration file 'nodes/{_node(task)}/qemu-server/{task.id}.conf' does not exist"
                    )
                if machine.lock is not None:
                    raise TaskFailed(f"VM is locked ({machine.lock})")
                if task.forced_error is not None:
                    raise TaskFailed(task.forced_error)
                self._work[task.type](task, machine)
        except TaskFailed as failure:
            return str(failure)
        return "OK"

    def show_clone(self, task: Task) -> None:
        """The moment a clone gets its name and what its source had; the lock stays."""
        source = self._store.machines.get(int(task.id))
        target = self._store.machines.get(int(task.arguments["newid"]))
        if source is None or target is None or "name" in target.config:
            return
        target.config = clone_of(source.config, target.vmid, task.arguments)
        self._store.save(target)

    def configure(self, machine: Machine, changes: Mapping[str, ConfigValue]) -> None:
        """Apply a configuration change, including the keys named in `delete`."""
        deleted = re.split(r"[;, ]+", str(changes.get("delete", "")))
        ignored = {"delete", "digest", "skiplock", "force", "background_delay"}
        config = {key: value for key, value in machine.config.items() if key not in deleted}
        given = {key: value for key, value in changes.items() if key not in ignored}
        if "cipassword" in given:
            given["cipassword"] = cloudinit.hashed(str(given["cipassword"]))
        machine.config = config | given
        self._store.save(machine)

    def _finish_clone(self, task: Task) -> None:
        target = self._store.machines.get(int(task.arguments["newid"]))
        if target is None:
            raise TaskFailed("clone failed: configuration disappeared")
        if task.forced_error is not None:
            self._store.remove(target)  # a failed clone takes its configuration and disks away again
            raise TaskFailed(f"clone failed: {task.forced_error}")
        self.show_clone(task)
        target.lock = None
        self._store.save(target)

    def _resize(self, task: Task, machine: Machine) -> None:
        disk = str(task.arguments["disk"])
        volume = str(machine.config.get(disk, ""))
        if not volume:
            raise TaskFailed(f"disk '{disk}' does not exist")
        wanted = str(task.arguments["size"])
        current = volume_size(volume)
        size = parse_size(wanted.removeprefix("+")) + (current if wanted.startswith("+") else 0)
        if size < current:
            raise TaskFailed("shrinking disks is not supported")
        machine.config[disk] = with_size(volume, size)
        self._store.save(machine)

    def _start(self, task: Task, machine: Machine) -> None:
        if machine.is_template:
            raise TaskFailed("you can't start a vm if it's a template")
        if machine.status == "running":
            raise TaskFailed(f"VM {machine.vmid} already running")
        self._power_on(machine, task.due_at)

    def _restart(self, task: Task, machine: Machine) -> None:
        if machine.status == "running":
            self._power_on(machine, task.due_at)

    def _power_on(self, machine: Machine, at: float) -> None:
        if machine.lease is None:
            taken = {other.lease for other in self._store.machines.values()}
            machine.lease = next((address for address in _LEASES if address not in taken), None)
        machine.booted = {key: machine.config[key] for key in _SIZES if key in machine.config}
        machine.guest = cloudinit.written(machine.config)
        machine.status, machine.paused = "running", False
        machine.started_at, machine.agent_at = at, at + self._boot_seconds
        self._store.save(machine)

    def _stop(self, task: Task, machine: Machine) -> None:
        machine.status, machine.paused = "stopped", False
        machine.started_at = machine.agent_at = None
        self._store.save(machine)

    def _suspend(self, task: Task, machine: Machine) -> None:
        machine.paused = True
        self._store.save(machine)

    def _resume(self, task: Task, machine: Machine) -> None:
        machine.paused = False
        self._store.save(machine)

    def _destroy(self, task: Task, machine: Machine) -> None:
        if machine.status == "running":
            raise TaskFailed(f"VM {machine.vmid} is running - destroy failed")
        if machine.config.get("protection") == 1:
            raise TaskFailed(f"can't remove VM {machine.vmid} - protection mode enabled")
        self._store.remove(machine)


def clone_of(
    source: Mapping[str, ConfigValue], vmid: int, arguments: Mapping[str, ConfigValue]
) -> dict[str, ConfigValue]:
    """A clone's configuration: the source's, with disks, a network address and identifiers of its own."""
    config = {key: value for key, value in source.items() if key not in _OWN_TO_EACH}
    storage = str(arguments.get("storage", "")) or str(source.get(DISK_KEY, "local-lvm:")).partition(":")[0]
    for key, value in config.items():
        if isinstance(value, str) and re.search(r"(base|vm)-\d+-(disk|cloudinit)", value):
            volume = re.sub(r"(base|vm)-\d+-", f"vm-{vmid}-", value)
            config[key] = f"{storage}:{volume.partition(':')[2]}"
    mac = hashlib.sha256(str(vmid).encode()).hexdigest()[:6].upper()
    if "net0" in config:
        card = f"BC:24:11:{mac[0:2]}:{mac[2:4]}:{mac[4:6]}"
        config["net0"] = re.sub(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}", card, str(config["net0"]))
    config["smbios1"] = f"uuid={uuid.uuid4()}"
    config["name"] = arguments.get("name", f"Copy-of-VM-{source.get('name', vmid)}")
    if "description" in arguments:
        config["description"] = arguments["description"]
    return config


def _node(task: Task) -> str:
    return task.upid.split(":")[1]
