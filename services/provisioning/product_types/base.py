"""What a product type tells provisioning: how its intents are carried out, and how it is shown.

A type is a `ProductType`; the module that brings it calls it `TYPE`, and may bring kinds of connectors as `CONNECTORS`
(`adapters/connectors.py`). Everything a type does not say has a plain default.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from services.provisioning.adapters.capabilities import MachineMissing, NeedsHuman
from services.provisioning.domain import JobPlan, Resource
from shared.contracts.reads.base import LabelledValue
from shared.contracts.reads.provisioning import AccessView, ActionView

# An action somebody waits for at the screen must not happen hours later, when they count on something else.
ACTION_DEADLINE = timedelta(minutes=30)
LIFE_DEADLINE = timedelta(hours=24)


class NotYet(Exception):
    """The provider did its part and the thing needs a moment more."""


class GoBack(Exception):
    """An earlier step has come undone and must be repeated first."""

    def __init__(self, to: str, reason: str) -> None:
        super().__init__(reason)
        self.to = to
        self.reason = reason


@dataclass(frozen=True, slots=True)
class StepTask:
    """What is needed to do one step. `reference` is what the thing carries at the provider, `external_ref` what it is
    called there once that is reserved; `spec` and `configuration` are as sold, or as they shall be after a change."""

    intent: str
    step: str
    tries: int
    last: bool
    reference: str
    external_ref: str | None
    name: str
    spec: Mapping[str, Any]
    configuration: Mapping[str, Any]
    held: bool = False
    """Whether it must stay off: its right is suspended or over."""
    look: bool = False
    """Whether the provider may hold a thing of this reference that our records have forgotten."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step learned. None means: nothing about this; `attributes` are added to those known."""

    external_ref: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    power: str | None = None


class Records(Protocol):
    """What a step may ask of our own records; each call is one transaction that is over before the next call out."""

    async def new_number(self) -> int:
        """A number never given to anything at this provider before."""

    async def was_taken(self) -> None:
        """A new number was in use there: our records may have forgotten something, so look before making."""

    async def one_time_secret(self) -> str | None:
        """The resource's one-time secret, made now or earlier: the same for ever. None once it was shown."""


Step = Callable[[Any, StepTask, Records], Awaitable[StepResult]]


@dataclass(frozen=True, slots=True)
class Action:
    """Something its owner can ask for. It is offered while the thing's power is one of `when`."""

    label: str
    plan: JobPlan
    past: str
    when: frozenset[str]
    danger: bool = False
    confirm: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A thing at a provider that carries a reference of ours. `power` as in a resource."""

    reference: str
    external_ref: str
    power: str | None


class ProductType:
    """The defaults. `plans` has an entry per intent of life that can be carried out; `actions` are its own."""

    name: ClassVar[str]
    plans: ClassVar[Mapping[str, JobPlan]] = {}
    actions: ClassVar[Mapping[str, Action]] = {}
    steps: ClassVar[Mapping[str, Step]] = {}
    labels: ClassVar[Mapping[str, str]] = {}
    """Attributes to show, in this order, with their labels."""
    address_key: ClassVar[str | None] = None

    def plan(self, intent: str) -> JobPlan | None:
        """How an intent is carried out; None when it cannot be."""
        action = self.actions.get(intent)
        return action.plan if action is not None else self.plans.get(intent)

    async def perform(self, connector: Any, task: StepTask, records: Records) -> StepResult:
        """Does one step; every step may be repeated, after any failure and by any worker.

        Raises what a connector raises, NotYet or GoBack.
        """
        step = self.steps.get(task.step)
        if step is None:
            raise NeedsHuman(f"A {self.name} has no step {task.step}")
        return await step(connector, task, records)

    async def things(self, connector: Any) -> Sequence[Seen] | None:
        """Everything of this type at a provider that carries a reference of ours; None: it cannot be listed."""
        return None

    async def is_there(self, connector: Any, reference: str, external_ref: str | None) -> bool:
        """A direct look at one thing that a listing did not show."""
        raise MachineMissing(f"A {self.name} cannot be looked up")

    def one_time_secret(self, configuration: Mapping[str, Any]) -> bool:
        """Whether its buyer asked for a secret that is shown once."""
        return False

    def refuse_change(self, spec: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
        """Why it cannot become `wanted`; None when it can."""
        return None

    def attributes(self, resource: Resource) -> list[LabelledValue]:
        """What to show of it."""
        return [
            LabelledValue(key=key, label=label, value=str(resource.attributes[key]), copyable=True)
            for key, label in self.labels.items()
            if resource.attributes.get(key) is not None
        ]

    def address(self, attributes: Mapping[str, Any]) -> str | None:
        """The one attribute by which it is reached."""
        value = attributes.get(self.address_key) if self.address_key else None
        return None if value is None else str(value)

    def offered(self, resource: Resource) -> list[ActionView]:
        """What can be done with it while it is active and nothing else is going on."""
        return [
            ActionView(name=name, label=action.label, danger=action.danger, confirm=action.confirm)
            for name, action in self.actions.items()
            if (resource.power or "none") in action.when
        ]

    def access(self, resource: Resource, *, password_waiting: bool) -> AccessView | None:
        """How its owner gets in; None for what nobody enters."""
        return None

    def access_lines(self, resource: Resource) -> tuple[str, ...]:
        """The same in lines for a mail."""
        return ()
