"""How an intent is carried out: named steps in order, as data. Product types say which.

Names are stored with every job, so a step may be reworded but never renamed.
"""

from dataclasses import dataclass
from datetime import timedelta

RESERVE = "reserve"


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step. `patience` is how long "not yet" is an answer before a person must look; a step that only `looks`
    changes nothing at the provider, so it goes on while writing is stopped."""

    name: str
    title: str
    patience: timedelta = timedelta(minutes=5)
    looks: bool = False


@dataclass(frozen=True, slots=True)
class JobPlan:
    """The steps of one intent, how long it may take altogether, and its words for a timeline."""

    steps: tuple[StepPlan, ...]
    deadline: timedelta
    doing: str
    done: str
    failed: str

    def step(self, name: str) -> StepPlan:
        """The plan of a stored step; one that newer versions no longer have tells its name."""
        return {step.name: step for step in self.steps}.get(name) or StepPlan(name, name.replace("_", " ").capitalize())
