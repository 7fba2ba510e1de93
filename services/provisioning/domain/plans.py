"""How each kind of job is done: named steps in order, as data.

Names are stored with every job, so a step may be reworded but never renamed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

CREATE = "create"
POWER_ACTIONS = ("start", "stop", "reboot")
KINDS = (CREATE, *POWER_ACTIONS)

RESERVE = "reserve"
START = "start"

# Who makes which product. What is missing here is sold by hand until a connector for it exists.
PROVIDERS: Mapping[str, str] = {"vps": "proxmox"}


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step. `patience` is how long "not yet" is an answer before a person must look."""

    name: str
    title: str
    patience: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class JobPlan:
    """The steps of one kind of job, how long it may take altogether, and its words for a timeline."""

    steps: tuple[StepPlan, ...]
    deadline: timedelta
    doing: str
    done: str
    failed: str

    def step(self, name: str) -> StepPlan:
        """The plan of a stored step. Raises KeyError for a name this plan never had."""
        return {step.name: step for step in self.steps}[name]


_RUNS = StepPlan("verify", "Checking that it runs")
# A deed somebody waits for at the screen must not happen hours later, when they count on something else.
_POWER_DEADLINE = timedelta(minutes=30)

PLANS: Mapping[str, JobPlan] = {
    CREATE: JobPlan(
        steps=(
            StepPlan(RESERVE, "Reserving an identity"),
            StepPlan("create", "Creating your server"),
            StepPlan("configure", "Setting size and network"),
            StepPlan("grow_disk", "Growing the disk"),
            StepPlan(START, "Starting"),
            StepPlan("address", "Waiting for its address", patience=timedelta(minutes=15)),
            _RUNS,
        ),
        deadline=timedelta(hours=24),
        doing="Delivery started",
        done="Running",
        failed="Delivery stopped",
    ),
    "start": JobPlan(
        (StepPlan(START, "Starting"), _RUNS), _POWER_DEADLINE, "Starting", "Started", "Could not be started"
    ),
    "stop": JobPlan(
        (StepPlan("stop", "Stopping"), StepPlan("verify_stopped", "Checking that it is off")),
        _POWER_DEADLINE,
        "Stopping",
        "Stopped",
        "Could not be stopped",
    ),
    "reboot": JobPlan(
        (StepPlan("reboot", "Restarting"), _RUNS), _POWER_DEADLINE, "Restarting", "Restarted", "Could not be restarted"
    ),
}
