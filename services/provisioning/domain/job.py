"""A job: something to be done for one resource, step by step, whoever is killed meanwhile."""

from datetime import datetime
from typing import TYPE_CHECKING

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
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from services.provisioning.domain.base import Base
from services.provisioning.domain.plans import CREATE, KINDS, PLANS, JobPlan
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


class Job(DurableRow, Base):
    """A durable row with a plan. `idempotency_key` says which request it answers, so no request makes two."""

    __tablename__ = "jobs"
    __table_args__ = (
        _one_of("kind", KINDS),
        durable_index("jobs"),
        Index("ix_jobs_resource_id", "resource_id"),
        Index("ix_jobs_deadline_at", "deadline_at", postgresql_where=text("state = 'ready'")),
        Index("ix_jobs_state_id", "state", "id"),
        # Power actions are forgotten one day; how a resource came to be stays.
        Index("ix_jobs_finished_power", "finished_at", postgresql_where=text(f"kind <> '{CREATE}' AND state = 'done'")),
        Index(
            "uq_jobs_pending_power",
            "resource_id",
            unique=True,
            postgresql_where=text(f"kind <> '{CREATE}' AND state = 'ready'"),
        ),
    )

    id: Mapped[str] = mapped_column(PrefixedId("job"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    resource_id: Mapped[str] = mapped_column(PrefixedId("svc"), ForeignKey("resources.id", ondelete="CASCADE"))
    idempotency_key: Mapped[str] = mapped_column(String(300), unique=True)
    deadline_at: Mapped[datetime] = mapped_column(Instant)
    requested_by: Mapped[str] = mapped_column(String(64))
    steps: Mapped[list[JobStep]] = relationship(
        order_by=JobStep.position, cascade="all, delete-orphan", passive_deletes=True, lazy="raise"
    )
    resource: Mapped[Resource] = relationship(lazy="raise")
    if TYPE_CHECKING:
        held: Mapped[bool]

    @classmethod
    def planned(cls, kind: str, resource: Resource, *, key: str, at: datetime, by: str) -> "Job":
        """A job of this kind with all of its steps still to be done."""
        plan = PLANS[kind]
        steps = [
            JobStep(position=place, name=step.name, state="waiting", tries=0)
            for place, step in enumerate(plan.steps, start=1)
        ]
        return cls(
            id=new_id("job"),
            kind=kind,
            resource_id=resource.id,
            idempotency_key=key,
            deadline_at=at + plan.deadline,
            requested_by=by,
            steps=steps,
        )

    @property
    def plan(self) -> JobPlan:
        """The plan of its kind."""
        return PLANS[self.kind]

    @property
    def delivers(self) -> bool:
        """Whether it brings its resource into being."""
        return self.kind == CREATE

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

    def renew(self, at: datetime) -> None:
        """A person gives it another chance: as much time as at first, and the failed step open again."""
        self.deadline_at = at + self.plan.deadline
        for step in self.steps:
            if step.state == "failed":
                step.reopen(step.detail)


# Whether a worker's lease on it is alive, by the clock that leases run on.
Job.held = column_property(and_(Job.lease_token.is_not(None), Job.next_attempt_at > func.clock_timestamp()))
