"""The simulated node: its machines, its tasks and the passing of time.

Nothing runs in the background. A task has an instant at which it is due, and whoever looks next makes the world
catch up first, so a hypervisor that was killed continues where the clock says it would be.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping

from sandbox.hypervisor import cloudinit
from sandbox.hypervisor.models import ConfigValue, Machine, PveError, Task
from sandbox.hypervisor.parameters import MAX_VMID, MIN_VMID
from sandbox.hypervisor.settings import HypervisorSandboxSettings
from sandbox.hypervisor.store import Store
from sandbox.hypervisor.templates import templates
from sandbox.hypervisor.workers import DURATIONS, PLACEHOLDER, PLACEHOLDER_SHARE, Workers

_NEEDS_RUNNING = frozenset({"shutdown", "reboot", "reset", "suspend", "resume"})
_BOOT_PID = 1000


class Hypervisor:
    """One node. Every public method first lets due tasks finish."""

    def __init__(self, settings: HypervisorSandboxSettings, now: Callable[[], float] = time.time) -> None:
        self.node = settings.node
        self.store = Store(settings.state_path)
        self.now = now
        self._scale = settings.time_scale
        self._workers = Workers(self.store, settings.time_scale)
        self._task_errors: list[str] = []
        if not self.store.machines:
            self.store.save(*templates(now()))

    def advance(self) -> None:
        """Finish what is due by now, in the order it fell due."""
        now = self.now()
        for task in sorted(self.store.running.values(), key=lambda task: (task.due_at, task.sequence)):
            if task.due_at <= now:
                task.exitstatus = self._workers.run(task)
                ok = task.exitstatus == "OK"
                task.log.extend(["TASK OK"] if ok else [task.exitstatus, f"TASK ERROR: {task.exitstatus}"])
                self.store.save(task)
            elif task.type == "qmclone" and now >= _named_at(task):
                self._workers.show_clone(task)

    def machine(self, vmid: int) -> Machine:
        """Raises PveError 500 when there is none: Proxmox VE has no 404 for a machine."""
        self.advance()
        found = self.store.machines.get(vmid)
        if found is None:
            raise PveError(500, f"Configuration file 'nodes/{self.node}/qemu-server/{vmid}.conf' does not exist")
        return found

    def next_id(self, wanted: int | None) -> int:
        """The lowest free VM id, or `wanted` when it is free (else PveError 400)."""
        self.advance()
        if wanted is not None:
            if wanted in self.store.machines:
                raise PveError(400, "Parameter verification failed.", {"vmid": f"VM {wanted} already exists"})
            return wanted
        return next(vmid for vmid in range(MIN_VMID, MAX_VMID) if vmid not in self.store.machines)

    def clone(self, source_id: int, arguments: dict[str, ConfigValue], user: str) -> Task:
        """Start copying a machine. The new id is taken from this moment, by a placeholder that holds the lock."""
        source = self.machine(source_id)
        newid = int(arguments["newid"])
        if newid in self.store.machines:
            raise PveError(500, f"unable to create VM {newid}: config file already exists")
        if "storage" in arguments and not arguments.get("full", not source.is_template):
            errors = {"storage": "parameter 'storage' not allowed for linked clones"}
            raise PveError(400, "Parameter verification failed.", errors)
        if source.lock is not None:
            raise PveError(500, f"VM is locked ({source.lock})")
        placeholder = Machine(newid, {"description": PLACEHOLDER}, self.now(), lock="clone")
        task = self._task("qmclone", source_id, arguments, user)
        task.log.append(f"create full clone of VM {source_id} as {newid}")
        self.store.save(placeholder, task)
        return task

    def configure(self, vmid: int, changes: dict[str, ConfigValue]) -> None:
        """Change the configuration at once (PUT)."""
        machine = self._unlocked(vmid)
        self._check(machine, changes)
        self._workers.configure(machine, changes)

    def configure_later(self, vmid: int, changes: dict[str, ConfigValue], user: str) -> Task:
        """Change the configuration in a task (POST)."""
        machine = self._unlocked(vmid)
        self._check(machine, changes)
        return self._started("qmconfig", vmid, changes, user)

    def resize(self, vmid: int, arguments: dict[str, ConfigValue], user: str) -> Task:
        machine = self._unlocked(vmid)
        if arguments["disk"] not in machine.config:
            raise PveError(500, f"disk '{arguments['disk']}' does not exist")
        return self._started("resize", vmid, arguments, user)

    def power(self, vmid: int, verb: str, user: str) -> Task:
        """start, stop, shutdown, reboot, reset, suspend or resume."""
        machine = self.machine(vmid)
        if verb in _NEEDS_RUNNING and machine.status != "running":
            raise PveError(500, f"VM {vmid} not running")
        return self._started(f"qm{verb}", vmid, {}, user)

    def destroy(self, vmid: int, user: str) -> Task:
        machine = self._unlocked(vmid)
        if machine.status == "running":
            raise PveError(500, f"VM {vmid} is running - destroy failed")
        if machine.config.get("protection") == 1:
            raise PveError(500, f"can't remove VM {vmid} - protection mode enabled")
        return self._started("qmdestroy", vmid, {}, user)

    def task(self, upid: str) -> Task:
        self.advance()
        found = self.store.tasks.get(upid)
        if found is None:
            raise PveError(500, f"unable to parse worker upid '{upid}'")
        return found

    def address(self, machine: Machine) -> tuple[str, int] | None:
        """The machine's IPv4 address and prefix length: the configured one, else the one handed out."""
        static = re.search(r"(?:^|,)ip=(\d+\.\d+\.\d+\.\d+)/(\d+)", str(machine.config.get("ipconfig0", "")))
        if static:
            return static[1], int(static[2])
        return (machine.lease, 24) if machine.lease else None

    def agent(self, vmid: int) -> Machine:
        """The machine, if its guest agent answers; PveError 500 otherwise."""
        machine = self.machine(vmid)
        if machine.status != "running":
            raise PveError(500, f"VM {vmid} is not running")
        if not str(machine.config.get("agent", "0")).startswith(("1", "enabled=1")):
            raise PveError(500, "No QEMU guest agent configured")
        if machine.agent_at is None or self.now() < machine.agent_at:
            raise PveError(500, "QEMU guest agent is not running")
        return machine

    def fail_next_tasks(self, message: str, count: int) -> None:
        self._task_errors.extend([message] * count)

    def reset(self) -> None:
        """Back to the first start: templates only, no tasks."""
        self._task_errors.clear()
        self.store.clear()
        self.store.save(*templates(self.now()))

    def _unlocked(self, vmid: int) -> Machine:
        machine = self.machine(vmid)
        if machine.lock is not None:
            raise PveError(500, f"VM is locked ({machine.lock})")
        return machine

    def _check(self, machine: Machine, changes: Mapping[str, ConfigValue]) -> None:
        if not all(cloudinit.is_key(line) for line in cloudinit.keys_of(str(changes.get("sshkeys", "")))):
            raise PveError(500, "SSH public key validation error")
        if "digest" in changes and changes["digest"] != digest(machine):
            raise PveError(500, "checksum mismatch (file change by other user?)")

    def _started(self, kind: str, vmid: int, arguments: dict[str, ConfigValue], user: str) -> Task:
        task = self._task(kind, vmid, arguments, user)
        self.store.save(task)
        return task

    def _task(self, kind: str, vmid: int, arguments: dict[str, ConfigValue], user: str) -> Task:
        now = self.now()
        sequence = self.store.last_sequence + 1
        pid = _BOOT_PID + sequence
        return Task(
            upid=f"UPID:{self.node}:{pid:08X}:{sequence:08X}:{int(now):08X}:{kind}:{vmid}:{user}:",
            sequence=sequence,
            type=kind,
            id=str(vmid),
            user=user,
            started_at=now,
            due_at=now + DURATIONS[kind] * self._scale,
            arguments=arguments,
            forced_error=self._task_errors.pop(0) if self._task_errors else None,
        )


def digest(machine: Machine) -> str:
    """SHA-1 of the configuration: what a caller sends back to change only what it has read."""
    return hashlib.sha1(json.dumps(machine.config, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def _named_at(task: Task) -> float:
    return task.started_at + (task.due_at - task.started_at) * PLACEHOLDER_SHARE
