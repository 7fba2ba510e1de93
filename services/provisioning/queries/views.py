"""The shapes that leave this service."""

from typing import Any

from pydantic import BaseModel

from shared.contracts.reads.common import Moment, TimelineEntry


class PlanView(BaseModel):
    """What was bought."""

    code: str
    name: str


class ServiceView(BaseModel):
    """A service as its owner sees it. `message` says in plain words what to know; null when all is well."""

    id: str
    name: str
    product_type: str
    plan: PlanView
    status: str
    power: str | None
    order_id: str
    entitlement_id: str
    ipv4: str | None
    spec: dict[str, Any]
    template: str
    created_at: Moment
    activated_at: Moment | None
    delayed: bool
    message: str | None
    pending_action: str | None


class ServiceTimelineEntry(TimelineEntry):
    """A line of a service's timeline; a step also says when it began and ended."""

    started_at: Moment | None = None
    finished_at: Moment | None = None


class ServiceTimeline(BaseModel):
    """What happened, in order; what is still to come stands at the end as waiting."""

    data: list[ServiceTimelineEntry]


class HistoryView(BaseModel):
    """One line of a resource's history, with what only staff may see."""

    at: Moment
    verb: str
    from_status: str
    to_status: str
    by: str
    reason: str | None
    detail: dict[str, Any]


class JobService(BaseModel):
    """The service a job is for."""

    id: str
    name: str
    status: str


class JobView(BaseModel):
    """A job in a list. `next_attempt_at` is null unless it waits."""

    id: str
    kind: str
    state: str
    attempts: int
    max_attempts: int
    next_attempt_at: Moment | None
    last_error: str | None
    failure_class: str | None
    service: JobService
    account_id: str
    created_at: Moment
    finished_at: Moment | None


class StepView(BaseModel):
    """How far one step has come."""

    name: str
    title: str
    state: str
    started_at: Moment | None
    finished_at: Moment | None
    detail: str | None
    tries: int


class JobDetail(JobView):
    """A job with its steps."""

    order_id: str
    idempotency_key: str
    requested_by: str
    deadline_at: Moment
    steps: list[StepView]


class StaffServiceView(ServiceView):
    """A service as staff see it in a list."""

    account_id: str
    provider: str | None
    machine_id: int | None
    missing_since: Moment | None
    version: int


class StaffServiceDetail(StaffServiceView):
    """A service with its whole story: the owner's timeline, the full history and its jobs."""

    timeline: list[ServiceTimelineEntry]
    history: list[HistoryView]
    jobs: list[JobView]
