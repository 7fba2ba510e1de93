"""One step of a job begins, ends, waits, is taken back, or ends the job.

Each function is one transaction of the worker that holds the job's lease, and starts by renewing that lease: who
lost it gets LeaseLost before anything is written. No call to a provider happens in here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from services.provisioning.adapters.tables import PROVIDER_WRITES, switches
from services.provisioning.domain import (
    ACTION,
    CHANGE,
    ENDED,
    HELD,
    POSSIBLE,
    REMOVE,
    VALID,
    Job,
    JobPlan,
    JobStep,
    Provider,
    Resource,
)
from services.provisioning.product_types.base import StepResult, StepTask
from services.provisioning.use_cases.conclude import conclude, fall_short
from services.provisioning.use_cases.tools import Tools
from shared.database import Claimed, FailureClass, HandlingFailed, UnitOfWork

# A step that is taken back more often than this needs somebody who finds out why.
MOST_TRIES = 20
_LONGEST_LOOK_PAUSE = 15.0
# Turning writes on again wakes every job at once; this is for when nobody did.
_HELD_PAUSE = 30.0
# A delivery that waited this long may have waited through a restore of our books.
_LOOKS_AFTER = timedelta(hours=1)


class ReservationTaken(Exception):
    """Another resource reserved this external reference a moment earlier: choose another."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What follows a step that is done: the next one, begun already, or None when the job is over.

    `delivered_in` is set when the step activated the resource.
    """

    following: StepTask | None = None
    delivered_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """The job in hand, and its resource, locked in this order everywhere."""

    job: Job
    resource: Resource
    plan: JobPlan
    now: datetime

    @property
    def step(self) -> JobStep:
        step = self.job.next_step()
        assert step is not None, "a job without an open step is done"
        return step


async def begin_step(work: UnitOfWork, tools: Tools, claimed: Claimed) -> StepTask | None:
    """Marks the first open step as being worked on. None when the job ended here or waits, because it may not go on."""
    return await _open(work, tools, claimed, await _held(work, tools, claimed))


async def _open(work: UnitOfWork, tools: Tools, claimed: Claimed, held: _Held) -> StepTask | None:
    job, resource = held.job, held.resource
    if job.delivers and resource.status in ("pending", "failed"):
        resource.provision(held.now)
    if means_nothing(job, resource):
        await _come_to_nothing(work, tools, claimed, held)
        return None
    if not held.plan.step(held.step.name).looks:
        stopped = await _writes_stopped(work, resource)
        if stopped is not None:
            await _wait_held(work, tools, claimed, held, stopped)
            return None
    step = held.step
    step.begin(held.now)
    return StepTask(
        intent=job.intent,
        step=step.name,
        tries=step.tries,
        last=step is job.steps[-1],
        reference=resource.id,
        external_ref=resource.external_ref,
        name=resource.name,
        spec=job.details["spec"] if job.intent == CHANGE else resource.spec,
        configuration=job.details["configuration"] if job.intent == CHANGE else resource.configuration,
        held=resource.entitlement != VALID,
        look=await _may_be_forgotten(work, held),
    )


async def finish_step(work: UnitOfWork, tools: Tools, claimed: Claimed, result: StepResult) -> Finished:
    """Records what the step learned and begins the next. After the last the job is done, and its resource is so.

    Raises ReservationTaken when the external reference belongs to another resource.
    """
    held = await _held(work, tools, claimed)
    job, resource = held.job, held.resource
    resource.recover()
    await _learn(work, tools, resource, result)
    held.step.finish(held.now)
    if job.next_step() is not None:
        return Finished(following=await _open(work, tools, claimed, held))
    await tools.queue.complete(work.session, claimed, failure_class=None)
    await conclude(work, tools, job, resource, held.now)
    return Finished(delivered_in=held.now - resource.created_at if job.delivers else None)


async def look_again(work: UnitOfWork, tools: Tools, claimed: Claimed, reason: str) -> None:
    """The provider answered, and the answer is "not yet": look again soon, until patience ends."""
    held = await _held(work, tools, claimed)
    held.resource.recover()
    step = held.step
    patience = held.plan.step(step.name).patience
    if step.started_at is not None and held.now - step.started_at > patience:
        reason = f"{reason}, {patience.total_seconds() / 60:g} minutes after we began to look"
        await _end(work, tools, claimed, held, reason, FailureClass.NEEDS_HUMAN)
        return
    step.detail = reason
    await tools.queue.postpone(work.session, claimed, min(_LONGEST_LOOK_PAUSE, 0.5 * 1.5 ** min(step.tries - 1, 20)))


async def go_back(
    work: UnitOfWork, tools: Tools, claimed: Claimed, to: str, reason: str, *, release: bool = False
) -> bool:
    """Opens an earlier step again. `release` gives the external reference back. False when that ended the job."""
    held = await _held(work, tools, claimed)
    held.resource.recover()
    if held.job.step(to).tries >= MOST_TRIES:
        await _end(work, tools, claimed, held, f"{reason} ({MOST_TRIES} times)", FailureClass.NEEDS_HUMAN)
        return False
    held.job.go_back_to(to, reason)
    if release:
        held.resource.external_ref = None
    return True


async def set_back(work: UnitOfWork, tools: Tools, claimed: Claimed, error: HandlingFailed) -> None:
    """The provider did not answer: the step waits for the next attempt, and the owner is told calmly."""
    held = await _held(work, tools, claimed)
    if held.now >= held.job.deadline_at:
        reason = f"No success before the deadline. Last: {error.reason}"
        await _end(work, tools, claimed, held, reason, FailureClass.PERMANENT)
        return
    await tools.queue.fail(work.session, claimed, error)
    held.resource.delay()
    held.step.wait(error.reason)


async def postpone(work: UnitOfWork, tools: Tools, claimed: Claimed, seconds: float) -> None:
    """The provider is known to be away: come back later, without using up an attempt."""
    held = await _held(work, tools, claimed)
    held.resource.delay()
    await tools.queue.postpone(work.session, claimed, seconds)


async def give_up(work: UnitOfWork, tools: Tools, claimed: Claimed, reason: str, failure: FailureClass) -> None:
    """The job cannot succeed as it is (dead), or a person must decide (parked)."""
    await _end(work, tools, claimed, await _held(work, tools, claimed), reason, failure)


async def wait_without_attempt(
    work: UnitOfWork, tools: Tools, claimed: Claimed, job: Job, resource: Resource, reason: str, message: str
) -> None:
    """Nothing can be done now, and nobody is at fault: the job waits, and its time stands still.

    An action that has not begun keeps its deadline: somebody waits for it at the screen, and must not get it hours
    later. Everything else is promised, or half done, and is taken up whenever it can be.
    """
    plan = tools.types.plan(resource.product_type, job.intent)
    if plan is not None and (job.kind != ACTION or job.begun):
        job.deadline_at = max(job.deadline_at, work.clock.now() + plan.deadline)
    job.last_error = reason
    resource.delay(message)
    step = job.next_step()
    if step is not None:
        step.wait(reason)
    await work.session.flush()
    await tools.queue.postpone(work.session, claimed, _HELD_PAUSE)


async def _writes_stopped(work: UnitOfWork, resource: Resource) -> str | None:
    """Why nothing may be written to its provider now. Read in the transaction that begins each step, so a switch
    counts from the next step on, in every process."""
    switch = await switches.state(work.session, PROVIDER_WRITES)
    if switch.engaged:
        return f"All writes to providers are stopped: {switch.reason}"
    state = await work.session.scalar(select(Provider._status).where(Provider.name == resource.provider))
    return f"Provider {resource.provider} is paused" if state == "paused" else None


async def _wait_held(work: UnitOfWork, tools: Tools, claimed: Claimed, held: _Held, reason: str) -> None:
    await wait_without_attempt(work, tools, claimed, held.job, held.resource, reason, HELD)


async def _may_be_forgotten(work: UnitOfWork, held: _Held) -> bool:
    if not held.job.delivers or held.resource.external_ref is not None:
        return False
    if held.now - held.resource.created_at > _LOOKS_AFTER:
        return True
    until = await work.session.scalar(select(Provider.look_until).where(Provider.name == held.resource.provider))
    return until is not None and until > held.now


async def _held(work: UnitOfWork, tools: Tools, claimed: Claimed) -> _Held:
    await tools.queue.extend(work.session, claimed)
    job, resource = await job_and_resource(work, claimed)
    plan = tools.types.plan(resource.product_type, job.intent)
    if plan is None:
        raise HandlingFailed(f"No module of this process knows how to {job.intent} it", FailureClass.TRANSIENT)
    return _Held(job, resource, plan, work.clock.now())


async def job_and_resource(work: UnitOfWork, claimed: Claimed) -> tuple[Job, Resource]:
    """The claimed job with its steps, and its resource, locked."""
    job = await work.one(select(Job).where(Job.id == claimed.id).options(selectinload(Job.steps)), "The job is gone.")
    resource = await work.one(
        select(Resource).where(Resource.id == job.resource_id).with_for_update(), "The service is gone."
    )
    work.wake(f"timeline:{resource.id}")
    return job, resource


async def _learn(work: UnitOfWork, tools: Tools, resource: Resource, result: StepResult) -> None:
    if result.attributes and any(resource.attributes.get(key) != value for key, value in result.attributes.items()):
        resource.attributes = {**resource.attributes, **result.attributes}
        kind = tools.types.get(resource.product_type)
        resource.address = kind.address(resource.attributes) if kind is not None else None
    if result.power is not None:
        resource.see_power(result.power)
    if result.external_ref is None or result.external_ref == resource.external_ref:
        return
    resource.external_ref = result.external_ref
    try:
        await work.session.flush()
    except IntegrityError as error:
        raise ReservationTaken(result.external_ref) from error


async def _come_to_nothing(work: UnitOfWork, tools: Tools, claimed: Claimed, held: _Held) -> None:
    """The service is no longer in a state where this means anything. An action somebody asked for failed; an intent
    of life was overtaken, and its successor is or was carried out."""
    reason = held_off_reason(held.resource)
    if held.job.kind == ACTION:
        await _end(work, tools, claimed, held, reason, FailureClass.PERMANENT)
        return
    await tools.queue.complete(work.session, claimed, failure_class=None)
    held.job.state = "canceled"
    held.job.last_error = reason
    await work.session.flush()


def means_nothing(job: Job, resource: Resource) -> bool:
    """Whether a job is for a state its service is no longer in. Only what is really over may be deleted."""
    needed = {ACTION: VALID, REMOVE: ENDED}.get(job.kind)
    return resource.status not in POSSIBLE[job.kind] or (needed is not None and resource.entitlement != needed)


def held_off_reason(resource: Resource) -> str:
    """Why nothing can be done with it."""
    if resource.status == "active" and resource.entitlement != VALID:
        return f"The service is being {'ended' if resource.entitlement == 'ended' else 'suspended'}"
    return f"The service is {resource.status}"


async def _end(
    work: UnitOfWork, tools: Tools, claimed: Claimed, held: _Held, reason: str, failure: FailureClass
) -> None:
    await tools.queue.fail(work.session, claimed, HandlingFailed(reason, failure))
    fall_short(work, tools, held.job, held.resource, reason, held.now)
