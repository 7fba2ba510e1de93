"""Virtual machines, at whatever has the capability `machines`."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from services.provisioning.adapters.capabilities import VpsConnector
from services.provisioning.domain import (
    CHANGE,
    CREATE,
    REMOVE,
    RESERVE,
    RESTORE,
    RESUME,
    SUSPEND,
    TERMINATE,
    JobPlan,
    Resource,
    StepPlan,
)
from services.provisioning.product_types.base import ACTION_DEADLINE, LIFE_DEADLINE, Action, ProductType, Seen, Step
from services.provisioning.product_types.vps_steps import START, STEPS, USER, keys_of, machine_id_of
from shared.contracts.reads.common import LabelledValue
from shared.contracts.reads.provisioning import AccessView
from shared.kernel.ssh_keys import parse_public_key

_RUNS = StepPlan("verify", "Checking that it runs", looks=True)
_IS_OFF = StepPlan("verify_stopped", "Checking that it is off", looks=True)
_START = StepPlan(START, "Starting")


def _action(*steps: StepPlan, doing: str, done: str, failed: str) -> JobPlan:
    return JobPlan(steps, ACTION_DEADLINE, doing, done, failed)


def _life(*steps: StepPlan, doing: str, done: str, failed: str) -> JobPlan:
    return JobPlan(steps, LIFE_DEADLINE, doing, done, failed)


class Vps(ProductType):
    """A virtual machine with an IPv4 address."""

    name = "vps"
    labels = {"ipv4": "IPv4 address"}
    address_key = "ipv4"
    steps: ClassVar[Mapping[str, Step]] = STEPS
    plans: ClassVar[Mapping[str, JobPlan]] = {
        CREATE: _life(
            StepPlan(RESERVE, "Reserving an identity", looks=True),
            StepPlan("create", "Creating your server"),
            StepPlan("configure", "Setting size and network"),
            StepPlan("grow_disk", "Growing the disk"),
            _START,
            StepPlan("address", "Waiting for its address", patience=timedelta(minutes=15), looks=True),
            _RUNS,
            doing="Delivery started",
            done="Running",
            failed="Delivery stopped",
        ),
        SUSPEND: _life(
            StepPlan("hold", "Stopping and locking"),
            _IS_OFF,
            doing="Suspending",
            done="Suspended",
            failed="Could not be suspended",
        ),
        RESUME: _life(
            StepPlan("release", "Unlocking"),
            _START,
            _RUNS,
            doing="Resuming",
            done="Resumed",
            failed="Could not be resumed",
        ),
        CHANGE: _life(
            StepPlan("configure", "Setting the new size"),
            StepPlan("grow_disk", "Growing the disk"),
            StepPlan("restart", "Restarting with the new size"),
            StepPlan("verify_size", "Checking the new size", looks=True),
            doing="Changing",
            done="Changed",
            failed="Could not be changed",
        ),
        TERMINATE: _life(
            StepPlan("hold", "Stopping and locking"),
            _IS_OFF,
            doing="Ending",
            done="Ended",
            failed="Could not be ended",
        ),
        RESTORE: _life(
            StepPlan("release", "Unlocking"),
            _START,
            _RUNS,
            doing="Restoring",
            done="Restored",
            failed="Could not be restored",
        ),
        REMOVE: _life(
            StepPlan("destroy", "Deleting it and its data"),
            StepPlan("verify_gone", "Checking that it is gone", looks=True),
            doing="Deleting",
            done="Deleted",
            failed="Could not be deleted",
        ),
    }
    actions: ClassVar[Mapping[str, Action]] = {
        "start": Action(
            "Start",
            _action(_START, _RUNS, doing="Starting", done="Started", failed="Could not be started"),
            past="started",
            when=frozenset({"stopped", "unknown"}),
        ),
        "stop": Action(
            "Stop",
            _action(
                StepPlan("stop", "Stopping"), _IS_OFF, doing="Stopping", done="Stopped", failed="Could not be stopped"
            ),
            past="stopped",
            when=frozenset({"running", "unknown"}),
            danger=True,
            confirm="Stop this server? What runs on it is shut down.",
        ),
        "reboot": Action(
            "Restart",
            _action(
                StepPlan("reboot", "Restarting"),
                _RUNS,
                doing="Restarting",
                done="Restarted",
                failed="Could not be restarted",
            ),
            past="rebooted",
            when=frozenset({"running", "unknown"}),
            confirm="Restart this server? It is away for a moment.",
        ),
    }

    async def things(self, connector: VpsConnector) -> Sequence[Seen]:
        """Every machine that carries a reference of ours."""
        return [
            Seen(machine.ref.reference, str(machine.ref.machine_id), machine.power.value)
            for machine in await connector.list_machines()
        ]

    async def is_there(self, connector: VpsConnector, reference: str, external_ref: str | None) -> bool:
        """Asked of the machine itself, because a listing may lag behind."""
        return await connector.find(reference, machine_id_of(external_ref)) is not None

    def one_time_secret(self, configuration: Mapping[str, Any]) -> bool:
        """A password for the first sign-in."""
        return configuration.get("root_password") is True

    def refuse_change(self, spec: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
        """A disk only grows: what is on it would be lost."""
        before, after = spec.get("disk_gb"), wanted.get("disk_gb")
        if isinstance(before, int) and isinstance(after, int) and after < before:
            return f"The disk cannot shrink from {before} GB to {after} GB; what is on it would be lost."
        return None

    def access(self, resource: Resource, *, password_waiting: bool) -> AccessView:
        """By SSH, with a key or with the one-time password."""
        keys = [parse_public_key(line) for line in keys_of(resource.configuration)]
        address, by_password = resource.address, self.one_time_secret(resource.configuration)
        if not keys and not by_password:
            return AccessView(command=None, note="It was made without an SSH key and without a password.")
        note = "Sign in with one of your SSH keys." if keys else "Sign in with the password you were shown."
        if password_waiting:
            note = "Your one-time password waits here: it is shown once."
        return AccessView(
            command=f"ssh {USER}@{address}" if address else None,
            note=note,
            keys=[
                LabelledValue(key=key.fingerprint, label=key.comment or "SSH key", value=key.fingerprint)
                for key in keys
            ],
            password_waiting=password_waiting,
        )

    def access_lines(self, resource: Resource) -> tuple[str, ...]:
        """What to type, and with what."""
        view = self.access(resource, password_waiting=self.one_time_secret(resource.configuration))
        if view.command is None:
            return ()
        lines = [f"Sign in with: {view.command}"]
        lines += [f"with your key {key.label} ({key.value})" for key in view.keys]
        if view.password_waiting:
            lines.append("your one-time password waits on the service's page")
        return tuple(lines)


TYPE = Vps()
