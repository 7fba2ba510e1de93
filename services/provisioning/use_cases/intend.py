"""Something is wanted of a resource: the table of intents says what becomes of it beside what is pending."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import selectinload

from services.provisioning.domain import RULES, Job, Outcome, Resource, kind_of
from services.provisioning.use_cases.tools import Tools
from shared.database import UnitOfWork
from shared.kernel import Conflict
from shared.telemetry.tracing import current_traceparent

log = structlog.get_logger()


class Refused(Conflict):
    """What is pending leaves no place for the intent."""

    slug = "action-in-progress"
    title = "Something else is in progress"


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wanted, by whom and why. `key` names the request, so that the same one makes no second job."""

    name: str
    key: str
    by: str
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


async def lock_resource(work: UnitOfWork, wanted: Select[Resource], missing: str) -> Resource:
    """The resource with its pending jobs, all of them locked: jobs first, as their workers do. Raises NotFound."""
    found = await work.one(wanted, missing)
    pending = select(Job.id).where(Job.resource_id == found.id, Job.state == "ready").order_by(Job.id)
    await work.session.execute(pending.with_for_update())
    locked = select(Resource).where(Resource.id == found.id).options(selectinload(Resource.pending))
    return await work.one(locked.with_for_update(of=Resource).execution_options(populate_existing=True), missing)


async def intend(work: UnitOfWork, tools: Tools, resource: Resource, intent: Intent) -> Job:
    """The job that does it: a new one, or the pending one that does it already. The resource is locked.

    Raises Refused when it makes no sense beside what is pending, and Conflict (not-possible) when its product type
    cannot do it.
    """
    plan = tools.types.plan(resource.product_type, intent.name)
    if plan is None:
        raise Conflict(f"A {resource.product_type} cannot {intent.name}.", slug="not-possible")
    replaced, same = await _beside(work, resource, intent.name)
    waits_until = await _cancel(work, replaced, intent.name) if replaced else None
    if same is not None:
        return same
    job = Job.planned(
        intent.name,
        plan,
        resource,
        key=intent.key,
        at=work.clock.now(),
        by=intent.by,
        reason=intent.reason,
        details=intent.details,
    )
    job.trace = current_traceparent()
    if waits_until is not None:
        job.next_attempt_at = waits_until
    work.add(job)
    await work.session.flush()
    work.wake(tools.queue.name)
    work.wake(f"timeline:{resource.id}")
    return job


async def _beside(work: UnitOfWork, resource: Resource, name: str) -> tuple[list[Job], Job | None]:
    """What it replaces, and what does it already. Newest first: a later wish is judged before an earlier one."""
    ready = select(Job).where(Job.resource_id == resource.id, Job.state == "ready").order_by(Job.id.desc())
    pending = (await work.session.scalars(ready.options(selectinload(Job.steps)))).all()
    replaced: list[Job] = []
    for job in pending:
        rule = RULES[job.kind, kind_of(name)]
        outcome = rule.now(begun=job.begun)
        if outcome is Outcome.REFUSED:
            raise Refused(f"{job.intent.capitalize()} is in progress: {rule.why}.")
        if outcome is Outcome.SAME:
            return replaced, job
        if outcome is Outcome.REPLACES:
            replaced.append(job)
    return replaced, None


async def _cancel(work: UnitOfWork, jobs: list[Job], successor: str) -> datetime | None:
    """Gives the jobs up. Returns until when a worker may still be inside a call for one of them, if any is held."""
    latest: datetime | None = None
    for job in jobs:
        log.info("job_replaced", job=job.id, intent=job.intent, by=successor)
        for step in job.steps:
            if step.state == "active":
                step.reopen(f"Given up for {successor}")
        if job.lease_token is not None and job.begun:
            latest = job.next_attempt_at if latest is None else max(latest, job.next_attempt_at)
    await work.session.flush()
    # Without a token, the worker that holds it finds at its next write that the job is no longer its own.
    await work.session.execute(
        update(Job)
        .where(Job.id.in_([job.id for job in jobs]))
        .values(
            state="canceled",
            lease_token=None,
            last_error=f"Replaced by {successor}",
            finished_at=func.clock_timestamp(),
        )
        .execution_options(synchronize_session=False)
    )
    return latest
