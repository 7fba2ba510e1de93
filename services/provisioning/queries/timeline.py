"""What happened to a service, in its owner's words: its history and its jobs, told as one story."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.provisioning.domain import PLANS, Job, JobStep, Resource, ResourceHistory
from services.provisioning.queries.views import ServiceTimelineEntry

_STAFF_TOLD = "Our staff have been told. You do not need to do anything."

# What is not in here (the beginning, what only staff need to know) is no line of the owner's story.
_TITLES = {
    "activate": "Running",
    "fail": "Delivery stopped",
    "suspend": "Suspended",
    "resume": "Resumed",
    "terminate": "Ended",
    **{verb: PLANS[kind].done for verb, kind in (("started", "start"), ("stopped", "stop"), ("rebooted", "reboot"))},
}


def timeline_of(
    resource: Resource, history: Sequence[ResourceHistory], jobs: Sequence[Job]
) -> list[ServiceTimelineEntry]:
    """Every line in the order it happened; what is still to come stands at the end as waiting."""
    before: list[ServiceTimelineEntry] = []
    during: list[ServiceTimelineEntry] = []
    after: list[ServiceTimelineEntry] = []
    for line, again in _counted(history):
        entry = _line(line, again)
        if entry is not None:
            (before if line.verb == "provision" else after).append(entry)
    for job in jobs:
        if job.delivers:
            during += [_step(resource, job, step) for step in job.steps if step.started_at is not None]
        elif job.state == "ready":
            after.append(_pending(job))
    # The sort keeps this order for what happened at the same instant: cause before effect.
    lines = sorted([*before, *during, *after], key=lambda entry: entry.at)
    latest = lines[-1].at if lines else resource.created_at
    return lines + _still_to_come(resource, jobs, latest)


def _counted(history: Iterable[ResourceHistory]) -> Iterable[tuple[ResourceHistory, bool]]:
    """Each line, and whether its verb was said before."""
    said: set[str] = set()
    for line in history:
        yield line, line.verb in said
        said.add(line.verb)


def _line(line: ResourceHistory, again: bool) -> ServiceTimelineEntry | None:
    key = f"{line.verb}.{line.id}"
    if line.verb == "provision":
        return _entry(key, "Delivery taken up again" if again else "Delivery started", line.at)
    if line.verb == "power_failed":
        title = PLANS[str(line.detail["action"])].failed
        return _entry(key, title, line.at, state="failed", detail=_STAFF_TOLD)
    title = _TITLES.get(line.verb, "")
    if not title:
        return None
    if line.verb == "fail":
        return _entry(key, title, line.at, state="failed", detail=_STAFF_TOLD)
    return _entry(key, title, line.at)


def _step(resource: Resource, job: Job, step: JobStep) -> ServiceTimelineEntry:
    began = step.started_at or resource.created_at
    state = step.state
    delayed = state in ("active", "waiting") and resource.delayed
    return _entry(
        f"step.{step.name}",
        job.plan.step(step.name).title,
        step.finished_at or began,
        state=state,
        detail=resource.message if delayed else None,
        started_at=step.started_at,
        finished_at=step.finished_at,
    )


def _pending(job: Job) -> ServiceTimelineEntry:
    return _entry(f"job.{job.id}", job.plan.doing, job.created_at, state="active", started_at=job.created_at)


def _still_to_come(resource: Resource, jobs: Sequence[Job], latest: datetime) -> list[ServiceTimelineEntry]:
    """A moment for what has none yet: that of the last thing that happened, so that it sorts after it."""
    if resource.status not in ("pending", "provisioning", "failed"):
        return []
    coming = []
    if resource.status == "pending":
        coming.append(_entry("provision", "Delivery started", latest, state="waiting", detail=resource.message))
    for job in jobs:
        if job.delivers and job.steps:
            coming += [
                _entry(f"step.{step.name}", job.plan.step(step.name).title, latest, state="waiting")
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
) -> ServiceTimelineEntry:
    return ServiceTimelineEntry(
        key=key, title=title, at=at, state=state, detail=detail, started_at=started_at, finished_at=finished_at
    )
