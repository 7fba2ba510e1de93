"""What provisioning returns: services, the jobs behind them, and the providers they run at."""

from typing import Any

from pydantic import BaseModel

from shared.contracts.reads.base import CustomerRef, LabelledValue, Moment, TimelineEntry


class PlanRef(BaseModel):
    """What was bought."""

    code: str
    name: str


class ActionView(BaseModel):
    """Something that can be done with a service now. `confirm` is the question to ask first, if one is needed."""

    name: str
    label: str
    danger: bool = False
    confirm: str | None = None


class ServiceView(BaseModel):
    """A service as its owner sees it.

    `state` is the one word to show, made of lifecycle and power: setting_up · running · stopped · working · delayed ·
    suspended · ended · needs_us (staff are on it). `message` says in plain words what to know; null when all is well.
    `attributes` are what its product type tells of it (an address, say), `actions` what can be done now.
    """

    id: str
    name: str
    product_type: str
    plan: PlanRef
    status: str
    power: str | None
    state: str
    order_id: str
    entitlement_id: str
    address: str | None
    attributes: list[LabelledValue]
    actions: list[ActionView]
    spec: dict[str, Any]
    configuration: dict[str, Any]
    created_at: Moment
    activated_at: Moment | None
    delayed: bool
    message: str | None
    pending_action: str | None


class AccessView(BaseModel):
    """How its owner gets in: what to type, and a sentence beside it. None of it is secret."""

    command: str | None
    note: str
    keys: list[LabelledValue] = []
    password_waiting: bool = False
    """Whether a one-time password waits to be shown, once."""


class ServiceTimelineEntry(TimelineEntry):
    """A line of a service's timeline. `about` is delivery, life (suspended, changed, ended, …) or action (a power
    button, say): an order's timeline leaves actions out."""

    about: str = "delivery"


class ServiceTimeline(BaseModel):
    """What happened to a service, in order; what is still to come stands at the end as waiting."""

    data: list[ServiceTimelineEntry]


class ServiceDetail(ServiceView):
    """A service with its whole timeline, in one read."""

    timeline: list[ServiceTimelineEntry]
    access: AccessView | None = None


class PowerAccepted(BaseModel):
    """The action is queued as this job; the service's `pending_action` says when it is over."""

    job_id: str


class SecretView(BaseModel):
    """A one-time secret; it is shown this once."""

    value: str


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
    """A job in a list. `intent` is what it wants: create, suspend, … `next_attempt_at` is null unless it waits."""

    id: str
    intent: str
    state: str
    attempts: int
    max_attempts: int
    next_attempt_at: Moment | None
    last_error: str | None
    failure_class: str | None
    service: JobService
    customer: CustomerRef
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
    """A job with its steps. `reason` is what whoever asked for it gave."""

    order_id: str
    idempotency_key: str
    requested_by: str
    reason: str | None
    deadline_at: Moment
    steps: list[StepView]


class StaffServiceView(ServiceView):
    """A service as staff see it in a list. `provider` is the provider's name."""

    customer: CustomerRef
    provider: str | None
    external_ref: str | None
    missing_since: Moment | None
    version: int
    staff_actions: list[ActionView]


class StaffServiceDetail(StaffServiceView):
    """A service with its whole story: the owner's timeline, the full history and its jobs."""

    timeline: list[ServiceTimelineEntry]
    history: list[HistoryView]
    jobs: list[JobView]


class ProviderView(BaseModel):
    """A provider: where things run. `state` is open, full (no new work) or paused (no new work, by a person).

    `capacity` is how many resources may live there (null: no limit), `used` how many do. Secrets are named by
    reference and never shown.
    """

    id: str
    name: str
    kind: str
    product_types: list[str]
    endpoint: str
    secret_ref: str
    regions: list[str]
    settings: dict[str, Any]
    capacity: int | None
    used: int
    state: str
    reachable: bool | None
    version: int


class SwitchView(BaseModel):
    """A switch that stops something everywhere. `engaged` means stopped."""

    name: str
    engaged: bool
    by: str | None
    reason: str | None
    changed_at: Moment | None


class ProvidersView(BaseModel):
    """Every provider, and the switch that stops all writes to all of them."""

    data: list[ProviderView]
    writes: SwitchView


class ProvisioningOverview(BaseModel):
    """What needs a person in provisioning. Counts are exact up to 100, and then 100."""

    dead_jobs: int
    parked_jobs: int
    missing_services: int
    waiting_jobs: int
    dead_letters: int
    providers: list[ProviderView]
    writes: SwitchView
