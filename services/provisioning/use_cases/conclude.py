"""What it means for a resource that a job ended: well, or not at all."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from services.provisioning.adapters.tables import timers
from services.provisioning.domain import (
    CHANGE,
    CREATE,
    REMOVE,
    RESTORE,
    RESUME,
    SUSPEND,
    SUSPENDED,
    SYSTEM,
    TERMINATE,
    Job,
    Provider,
    Resource,
)
from services.provisioning.use_cases import facts
from services.provisioning.use_cases.intend import Intent, Refused, intend
from services.provisioning.use_cases.tools import Tools
from shared.database import FailureClass, UnitOfWork

_ENDED_BEFORE_IT_BEGAN = "It ended before it was set up"


async def conclude(work: UnitOfWork, tools: Tools, job: Job, resource: Resource, now: datetime) -> None:
    """The last step of the job is done: its resource is what was wanted, and everybody is told."""
    resource.delayed = False
    resource.message = None
    done = _DONE.get(job.intent)
    if done is None:
        kind = tools.types.get(resource.product_type)
        past = kind.actions[job.intent].past if kind is not None and job.intent in kind.actions else job.intent
        resource.note(past, at=now, by=job.requested_by, reason=job.reason, detail={"action": job.intent})
    else:
        done(work, tools, job, resource, now)
    if job.intent == TERMINATE and resource.remove_at is not None:
        resource.remove_at += await timers.clocks.offset(work.session, resource.account_id)
        work.publish(facts.resource_terminated(resource, job.reason or ""))
    if job.intent == REMOVE:
        await _give_room_back(work, tools, resource)
    await _keep_to_entitlement(work, tools, job, resource)


def fall_short(work: UnitOfWork, tools: Tools, job: Job, resource: Resource, reason: str, now: datetime) -> None:
    """The job ended without success: what that means for its steps, its resource and everybody who waits for it."""
    step = job.next_step()
    if step is not None:
        step.fail(reason, now)
    if job.delivers:
        if resource.status == "provisioning" and resource.fail(reason, now):
            work.publish(facts.resource_failed(resource, reason))
        return
    resource.delayed = False
    plan = tools.types.plan(resource.product_type, job.intent)
    failed = plan.failed if plan is not None else "Could not be done"
    if job.kind == job.intent:
        resource.message = None
        resource.note("intent_failed", at=now, by=SYSTEM, reason=reason, detail={"intent": job.intent})
        return
    resource.message = f"{failed}. Our staff will look at it."
    resource.note("power_failed", at=now, by=SYSTEM, reason=reason, detail={"action": job.intent})


async def refuse(work: UnitOfWork, job: Job, resource: Resource, reason: str, now: datetime) -> None:
    """The job asks for what its product type cannot do. It is kept, dead, for staff to see."""
    job.state, job.failure_class, job.last_error = "dead", FailureClass.PERMANENT.value, reason
    job.finished_at = now
    resource.note("intent_failed", at=now, by=SYSTEM, reason=reason, detail={"intent": job.intent})
    await work.session.flush()


async def end_at_once(work: UnitOfWork, resource: Resource, reason: str, now: datetime) -> None:
    """It ends before it was placed anywhere: there is nothing to stop, nothing to keep and nothing to remove."""
    await work.session.execute(
        update(Job)
        .where(Job.resource_id == resource.id, Job.state.in_(("ready", "dead", "parked")))
        .values(state="canceled", lease_token=None, last_error=_ENDED_BEFORE_IT_BEGAN, finished_at=now)
        .execution_options(synchronize_session=False)
    )
    if resource.terminate(reason, now, SYSTEM, now):
        resource.remove(now, SYSTEM)
        work.publish(facts.resource_terminated(resource, reason))
        work.wake(f"timeline:{resource.id}")


def _activated(work: UnitOfWork, tools: Tools, _job: Job, resource: Resource, now: datetime) -> None:
    resource.activate(now)
    work.publish(facts.resource_activated(tools, resource, now))


def _suspended(work: UnitOfWork, _tools: Tools, job: Job, resource: Resource, now: datetime) -> None:
    reason = job.reason or ""
    if resource.suspend(reason, now, job.requested_by):
        work.publish(facts.resource_suspended(resource, reason))
    else:
        resource.note("stopped_again", at=now, by=job.requested_by, reason=reason)


def _resumed(work: UnitOfWork, _tools: Tools, job: Job, resource: Resource, now: datetime) -> None:
    resource.resume(now, job.requested_by, job.reason)
    work.publish(facts.resource_resumed(resource))


def _changed(work: UnitOfWork, _tools: Tools, job: Job, resource: Resource, now: datetime) -> None:
    wanted = job.details
    plan = (str(wanted["plan_code"]), str(wanted["plan_name"]))
    resource.change(plan, wanted["configuration"], wanted["spec"], now, job.requested_by, job.reason)
    work.publish(facts.resource_changed(resource))


def _terminated(_work: UnitOfWork, tools: Tools, job: Job, resource: Resource, now: datetime) -> None:
    reason = job.reason or ""
    resource.terminate(reason, now, job.requested_by, now + tools.grace)


def _restored(work: UnitOfWork, _tools: Tools, job: Job, resource: Resource, now: datetime) -> None:
    resource.restore(now, job.requested_by, job.reason)
    work.publish(facts.resource_resumed(resource))


def _removed(work: UnitOfWork, _tools: Tools, job: Job, resource: Resource, now: datetime) -> None:
    resource.remove(now, job.requested_by)
    work.publish(facts.resource_terminated(resource, job.reason or ""))


_DONE: dict[str, Callable[[UnitOfWork, Tools, Job, Resource, datetime], None]] = {
    CREATE: _activated,
    SUSPEND: _suspended,
    RESUME: _resumed,
    CHANGE: _changed,
    TERMINATE: _terminated,
    RESTORE: _restored,
    REMOVE: _removed,
}


async def _give_room_back(work: UnitOfWork, tools: Tools, resource: Resource) -> None:
    await work.session.execute(
        update(Provider)
        .where(Provider.name == resource.provider, Provider.used > 0)
        .values(used=Provider.used - 1)
        .execution_options(synchronize_session=False)
    )
    await tools.queue.make_unplaced_due(work.session)
    work.wake(tools.queue.name)


async def _keep_to_entitlement(work: UnitOfWork, tools: Tools, job: Job, resource: Resource) -> None:
    """A service whose right is suspended must not run, whatever brought it up (a delivery that staff retried, say)."""
    if resource.entitlement != SUSPENDED or resource.status != "active":
        return
    key = f"{SUSPEND}:after:{job.id}"
    if await work.session.scalar(select(Job.id).where(Job.idempotency_key == key)) is None:
        try:
            await intend(work, tools, resource, Intent(SUSPEND, key, SYSTEM, _last_reason(job.details)))
        except Refused:
            return  # what is pending ends it


def _last_reason(details: dict[str, Any]) -> str:
    return str(details.get("reason") or "Its entitlement is suspended")
