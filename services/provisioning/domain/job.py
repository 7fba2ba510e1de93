"""A job: something to be done for one resource, step by step, whoever is killed meanwhile."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    and_,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from services.provisioning.domain.base import Base
from services.provisioning.domain.intents import CREATE, LIFE, kind_of
from services.provisioning.domain.plans import JobPlan
from services.provisioning.domain.resource import Resource
from shared.database import DurableRow, Instant, PrefixedId, durable_index
from shared.kernel import new_id

STEP_STATES = ("waiting", "active", "done", "failed")


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


class JobStep(Base):
    """How far one step of a job has come. `detail` is for staff; `tries` counts how often it was begun."""

    __tablename__ = "job_steps"
    __table_args__ = (_one_of("state", STEP_STATES), UniqueConstraint("job_id", "name"))

    job_id: Mapped[str] = mapped_column(PrefixedId("job"), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    started_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    finished_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    detail: Mapped[str | None] = mapped_column(Text, default=None)
    tries: Mapped[int] = mapped_column(Integer, default=0)

    def begin(self, at: datetime) -> None:
        """Somebody works on it. A look that is repeated keeps the time of the first one."""
        if self.state != "active" or self.started_at is None:
            self.started_at = at
        self.state = "active"
        self.finished_at = None
        self.tries += 1

    def finish(self, at: datetime) -> None:
        """It is done and will not be done again."""
        self.state = "done"
        self.finished_at = at
        self.detail = None

    def wait(self, detail: str) -> None:
        """It did not work out this time and will be tried again."""
        self.state = "waiting"
        self.detail = detail

    def fail(self, detail: str, at: datetime) -> None:
        """It will not be tried again by itself."""
        self.state = "failed"
        self.detail = detail
        self.finished_at = at

    def reopen(self, detail: str | None = None) -> None:
        """It has to be done (again)."""
        self.state = "waiting"
        self.detail = detail
        self.started_at = None
        self.finished_at = None


_OF_LIFE = ", ".join(f"'{intent}'" for intent in LIFE)


class Job(DurableRow, Base):
    """An intent on a resource, with the plan that carries it out. `idempotency_key` says which request it answers, so
    no request makes two. `reason` is what whoever asked for it gave, `details` what the intent needs to know.

    The pending jobs of one resource are done in the order in which they were made.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        durable_index("jobs"),
        Index("ix_jobs_resource_id", "resource_id"),
        Index("ix_jobs_deadline_at", "deadline_at", postgresql_where=text("state = 'ready'")),
        Index("ix_jobs_state_id", "state", "id"),
        # Actions are forgotten one day; how a resource lived stays.
        Index(
            "ix_jobs_finished_actions",
            "finished_at",
            postgresql_where=text(f"intent NOT IN ({_OF_LIFE}) AND state = 'done'"),
        ),
        Index("ix_jobs_pending", "resource_id", "created_at", "id", postgresql_where=text("state = 'ready'")),
        Index("uq_jobs_pending_intent", "resource_id", "intent", unique=True, postgresql_where=text("state = 'ready'")),
        Index(
            "uq_jobs_pending_action",
            "resource_id",
            unique=True,
            postgresql_where=text(f"intent NOT IN ({_OF_LIFE}) AND state = 'ready'"),
        ),
    )

    id: Mapped[str] = mapped_column(PrefixedId("job"), primary_key=True)
    intent: Mapped[str] = mapped_column(String(40))
    resource_id: Mapped[str] = mapped_column(PrefixedId("svc"), ForeignKey("resources.id", ondelete="CASCADE"))
    idempotency_key: Mapped[str] = mapped_column(String(300), unique=True)
    deadline_at: Mapped[datetime] = mapped_column(Instant)
    requested_by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(Text, default=None)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    steps: Mapped[list[JobStep]] = relationship(
        order_by=JobStep.position, cascade="all, delete-orphan", passive_deletes=True, lazy="raise"
    )
    resource: Mapped[Resource] = relationship(lazy="raise")
    if TYPE_CHECKING:
        held: Mapped[bool]

    @classmethod
    def planned(
        cls,
        intent: str,
        plan: JobPlan,
        resource: Resource,
        *,
        key: str,
        at: datetime,
        by: str,
        reason: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> "Job":
        """A job for this intent with all of its steps still to be done."""
        steps = [
            JobStep(position=place, name=step.name, state="waiting", tries=0)
            for place, step in enumerate(plan.steps, start=1)
        ]
        return cls(
            id=new_id("job"),
            intent=intent,
            resource_id=resource.id,
            idempotency_key=key,
            deadline_at=at + plan.deadline,
            requested_by=by,
            reason=reason,
            details=dict(details or {}),
            steps=steps,
        )

    @property
    def kind(self) -> str:
        """Its intent, or `action` for an action of a product type's own."""
        return kind_of(self.intent)

    @property
    def delivers(self) -> bool:
        """Whether it brings its resource into being."""
        return self.intent == CREATE

    @property
    def begun(self) -> bool:
        """Whether any of its steps was begun."""
        return any(step.tries > 0 for step in self.steps)

    def next_step(self) -> JobStep | None:
        """The first step that is not done; None when all are."""
        return next((step for step in self.steps if step.state != "done"), None)

    def step(self, name: str) -> JobStep:
        """The step of this name. Raises KeyError when the job has none."""
        return {step.name: step for step in self.steps}[name]

    def go_back_to(self, name: str, detail: str) -> JobStep:
        """Opens this step and every later one again: the world is not what they left. Returns the first."""
        first = self.step(name)
        for step in self.steps:
            if step.position >= first.position:
                step.reopen()
        first.detail = detail
        return first

    def renew(self, deadline_at: datetime) -> None:
        """A person gives it another chance: time until `deadline_at`, and the failed step open again."""
        self.deadline_at = deadline_at
        for step in self.steps:
            if step.state == "failed":
                step.reopen(step.detail)


# Declared here, so that a resource need not know what a job is.
Resource.pending = relationship(
    Job,
    primaryjoin=and_(Job.resource_id == Resource.id, Job.state == "ready"),
    order_by=Job.id,
    viewonly=True,
    lazy="raise",
)

# Whether a worker's lease on it is alive, by the clock that leases run on.
Job.held = column_property(and_(Job.lease_token.is_not(None), Job.next_attempt_at > func.clock_timestamp()))
