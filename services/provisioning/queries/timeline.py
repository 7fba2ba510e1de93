"""What happened to a service, in its owner's words: its history and its jobs, told as one story."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.provisioning.domain import ACTION, CREATE, Job, JobPlan, JobStep, Resource, ResourceHistory
from services.provisioning.product_types import ProductTypes
from services.provisioning.product_types.base import LIFE_DEADLINE
from shared.contracts.reads.provisioning import ServiceTimelineEntry

_STAFF_TOLD = "Our staff have been told. You do not need to do anything."
_STOPPED_AGAIN = "It was started while it must stay off, and stopped again."

# What is not in here, no step and no action (the beginning, what only staff need to know) is no line of the owner's
# story.
_TITLES = {
    "activate": "Running",
    "fail": "Delivery stopped",
    "suspend": "Suspended",
    "resume": "Resumed",
    "changed": "Changed",
    "terminate": "Ended",
    "restore": "Restored",
    "remove": "Deleted",
}
_OF_DELIVERY = frozenset({"provision", "activate", "fail"})
_NO_PLAN = JobPlan((), LIFE_DEADLINE, "In progress", "Done", "Not done")


def timeline_of(
    types: ProductTypes, resource: Resource, history: Sequence[ResourceHistory], jobs: Sequence[Job]
) -> list[ServiceTimelineEntry]:
    """Every line in the order it happened; what is still to come stands at the end as waiting."""
    before: list[ServiceTimelineEntry] = []
    during: list[ServiceTimelineEntry] = []
    after: list[ServiceTimelineEntry] = []
    for line, again in _counted(history):
        entry = _line(types, resource, line, again)
        if entry is not None:
            (before if line.verb == "provision" else after).append(entry)
    for job in jobs:
        plan = types.plan(resource.product_type, job.intent) or _NO_PLAN
        if job.delivers:
            during += [_step(resource, plan, step) for step in job.steps if step.started_at is not None]
        elif job.state == "ready":
            after.append(_pending(plan, job))
    # The sort keeps this order for what happened at the same instant: cause before effect.
    lines = sorted([*before, *during, *after], key=lambda entry: entry.at)
    latest = lines[-1].at if lines else resource.created_at
    return lines + _still_to_come(types, resource, jobs, latest)


def _counted(history: Iterable[ResourceHistory]) -> Iterable[tuple[ResourceHistory, bool]]:
    """Each line, and whether its verb was said before."""
    said: set[str] = set()
    for line in history:
        yield line, line.verb in said
        said.add(line.verb)


def _line(types: ProductTypes, resource: Resource, line: ResourceHistory, again: bool) -> ServiceTimelineEntry | None:
    key = f"{line.verb}.{line.id}"
    if line.verb == "provision":
        return _entry(key, "Delivery taken up again" if again else "Delivery started", line.at)
    action = _action_of(line)
    if action is not None:
        plan = types.plan(resource.product_type, action) or _NO_PLAN
        failed = line.verb == "power_failed"
        return _entry(
            key,
            plan.failed if failed else plan.done,
            line.at,
            state="failed" if failed else "done",
            detail=_STAFF_TOLD if failed else None,
            about=ACTION,
        )
    about = "delivery" if line.verb in _OF_DELIVERY else "life"
    if line.verb == "stopped_again":
        return _entry(key, "Stopped again", line.at, detail=_STOPPED_AGAIN, about=about)
    title = _TITLES.get(line.verb)
    if title is None:
        return None
    if line.verb == "fail":
        return _entry(key, title, line.at, state="failed", detail=_STAFF_TOLD)
    return _entry(key, title, line.at, about=about)


# Versions before `detail.action` named only what was done.
_PAST_ACTIONS = {"started": "start", "stopped": "stop", "rebooted": "reboot"}


def _action_of(line: ResourceHistory) -> str | None:
    """The action a line is about, if it is about one."""
    named = line.detail.get("action")
    return str(named) if named is not None else _PAST_ACTIONS.get(line.verb)


def _step(resource: Resource, plan: JobPlan, step: JobStep) -> ServiceTimelineEntry:
    began = step.started_at or resource.created_at
    state = step.state
    delayed = state in ("active", "waiting") and resource.delayed
    return _entry(
        f"step.{step.name}",
        plan.step(step.name).title,
        step.finished_at or began,
        state=state,
        detail=resource.message if delayed else None,
        started_at=step.started_at,
        finished_at=step.finished_at,
    )


def _pending(plan: JobPlan, job: Job) -> ServiceTimelineEntry:
    about = ACTION if job.kind == ACTION else "life"
    return _entry(f"job.{job.id}", plan.doing, job.created_at, state="active", started_at=job.created_at, about=about)


def _still_to_come(
    types: ProductTypes, resource: Resource, jobs: Sequence[Job], latest: datetime
) -> list[ServiceTimelineEntry]:
    """A moment for what has none yet: that of the last thing that happened, so that it sorts after it."""
    if resource.status not in ("pending", "provisioning", "failed"):
        return []
    coming = []
    if resource.status == "pending":
        coming.append(_entry("provision", "Delivery started", latest, state="waiting", detail=resource.message))
    plan = types.plan(resource.product_type, CREATE) or _NO_PLAN
    for job in jobs:
        if job.delivers and job.steps:
            coming += [
                _entry(f"step.{step.name}", plan.step(step.name).title, latest, state="waiting")
                for step in job.steps
                if step.started_at is None
            ]
    return [*coming, _entry("activate", _TITLES["activate"], latest, state="waiting")]


def _entry(
    key: str,
    title: str,
    at: datetime,
    *,
    state: str = "done",
    detail: str | None = None,
    started_at: datetime | None = None,
    finished_at: datetime | None = None,
    about: str = "delivery",
) -> ServiceTimelineEntry:
    return ServiceTimelineEntry(
        key=key,
        title=title,
        at=at,
        state=state,
        detail=detail,
        started_at=started_at,
        finished_at=finished_at,
        about=about,
    )
