"""One step of a job begins, ends, waits, is taken back, or ends the job.

Each function is one transaction of the worker that holds the job's lease, and starts by renewing that lease: who
lost it gets LeaseLost before anything is written. No call to a provider happens in here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from services.provisioning.adapters.tables import JobQueue
from services.provisioning.domain import POWER_ACTIONS, SYSTEM, Job, JobStep, Resource
from services.provisioning.use_cases.facts import resource_activated, resource_failed
from shared.database import Claimed, FailureClass, HandlingFailed, UnitOfWork

# A step that is taken back more often than this needs somebody who finds out why.
MOST_TRIES = 20
_LONGEST_LOOK_PAUSE = 15.0


class ReservationTaken(Exception):
    """Another resource reserved this machine id a moment earlier: choose another."""


@dataclass(frozen=True, slots=True)
class StepTask:
    """What a worker needs to know to do one step."""

    kind: str
    step: str
    tries: int
    last: bool
    reference: str
    machine_id: int | None
    name: str
    template: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step learned. None means: nothing about this."""

    machine_id: int | None = None
    ipv4: str | None = None
    power: str | None = None


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
    now: datetime

    @property
    def step(self) -> JobStep:
        step = self.job.next_step()
        assert step is not None, "a job without an open step is done"
        return step


async def begin_step(work: UnitOfWork, queue: JobQueue, claimed: Claimed) -> StepTask | None:
    """Marks the first open step as being worked on. None when the job ended here, because it may not go on."""
    return await _open(work, queue, claimed, await _held(work, queue, claimed))


async def _open(work: UnitOfWork, queue: JobQueue, claimed: Claimed, held: _Held) -> StepTask | None:
    job, resource = held.job, held.resource
    if job.delivers and resource.status in ("pending", "failed"):
        resource.provision(held.now)
    wanted = "provisioning" if job.delivers else "active"
    if resource.status != wanted:
        await _end(work, queue, claimed, held, f"The service is {resource.status}", FailureClass.PERMANENT)
        return None
    step = held.step
    step.begin(held.now)
    return StepTask(
        kind=job.kind,
        step=step.name,
        tries=step.tries,
        last=step is job.steps[-1],
        reference=resource.id,
        machine_id=resource.machine_id,
        name=resource.name,
        template=resource.template,
        spec=resource.spec,
    )


async def finish_step(work: UnitOfWork, queue: JobQueue, claimed: Claimed, result: StepResult) -> Finished:
    """Records what the step learned and begins the next. After the last the job is done, and its resource is active.

    Raises ReservationTaken when the machine id belongs to another resource.
    """
    held = await _held(work, queue, claimed)
    job, resource = held.job, held.resource
    resource.recover()
    await _learn(work, resource, result)
    held.step.finish(held.now)
    if job.next_step() is not None:
        return Finished(following=await _open(work, queue, claimed, held))
    await queue.complete(work.session, claimed, failure_class=None)
    if not job.delivers:
        resource.message = None
        resource.note(_PAST[job.kind], at=held.now, by=job.requested_by)
        return Finished()
    resource.activate(held.now)
    work.publish(resource_activated(resource, held.now))
    return Finished(delivered_in=held.now - resource.created_at)


async def look_again(work: UnitOfWork, queue: JobQueue, claimed: Claimed, reason: str) -> None:
    """The provider answered, and the answer is "not yet": look again soon, until patience ends."""
    held = await _held(work, queue, claimed)
    held.resource.recover()
    step = held.step
    patience = held.job.plan.step(step.name).patience
    if step.started_at is not None and held.now - step.started_at > patience:
        reason = f"{reason}, {patience.total_seconds() / 60:g} minutes after we began to look"
        await _end(work, queue, claimed, held, reason, FailureClass.NEEDS_HUMAN)
        return
    step.detail = reason
    await queue.postpone(work.session, claimed, min(_LONGEST_LOOK_PAUSE, 0.5 * 1.5 ** min(step.tries - 1, 20)))


async def go_back(
    work: UnitOfWork, queue: JobQueue, claimed: Claimed, to: str, reason: str, *, release: bool = False
) -> bool:
    """Opens an earlier step again. `release` gives the reserved machine id back. False when that ended the job."""
    held = await _held(work, queue, claimed)
    held.resource.recover()
    if held.job.step(to).tries >= MOST_TRIES:
        await _end(work, queue, claimed, held, f"{reason} ({MOST_TRIES} times)", FailureClass.NEEDS_HUMAN)
        return False
    held.job.go_back_to(to, reason)
    if release:
        held.resource.machine_id = None
    return True


async def set_back(work: UnitOfWork, queue: JobQueue, claimed: Claimed, error: HandlingFailed) -> None:
    """The provider did not answer: the step waits for the next attempt, and the owner is told calmly."""
    held = await _held(work, queue, claimed)
    if held.now >= held.job.deadline_at:
        reason = f"No success before the deadline. Last: {error.reason}"
        await _end(work, queue, claimed, held, reason, FailureClass.PERMANENT)
        return
    await queue.fail(work.session, claimed, error)
    held.resource.delay()
    held.step.wait(error.reason)


async def postpone(work: UnitOfWork, queue: JobQueue, claimed: Claimed, seconds: float) -> None:
    """The provider is known to be away: come back later, without using up an attempt."""
    held = await _held(work, queue, claimed)
    held.resource.delay()
    await queue.postpone(work.session, claimed, seconds)


async def give_up(work: UnitOfWork, queue: JobQueue, claimed: Claimed, reason: str, failure: FailureClass) -> None:
    """The job cannot succeed as it is (dead), or a person must decide (parked)."""
    await _end(work, queue, claimed, await _held(work, queue, claimed), reason, failure)


_PAST = {"start": "started", "stop": "stopped", "reboot": "rebooted"}
assert set(_PAST) == set(POWER_ACTIONS)


async def _held(work: UnitOfWork, queue: JobQueue, claimed: Claimed) -> _Held:
    await queue.extend(work.session, claimed)
    job = await work.one(select(Job).where(Job.id == claimed.id).options(selectinload(Job.steps)), "The job is gone.")
    resource = await work.one(
        select(Resource).where(Resource.id == job.resource_id).with_for_update(), "The service is gone."
    )
    work.wake(f"timeline:{resource.id}")
    return _Held(job, resource, work.clock.now())


async def _learn(work: UnitOfWork, resource: Resource, result: StepResult) -> None:
    if result.ipv4 is not None:
        resource.ipv4 = result.ipv4
    if result.power is not None:
        resource.see_power(result.power)
    if result.machine_id is None or result.machine_id == resource.machine_id:
        return
    resource.machine_id = result.machine_id
    try:
        await work.session.flush()
    except IntegrityError as error:
        raise ReservationTaken(str(result.machine_id)) from error


async def _end(
    work: UnitOfWork, queue: JobQueue, claimed: Claimed, held: _Held, reason: str, failure: FailureClass
) -> None:
    await queue.fail(work.session, claimed, HandlingFailed(reason, failure))
    end_job(work, held.job, held.resource, reason, held.now)


def end_job(work: UnitOfWork, job: Job, resource: Resource, reason: str, now: datetime) -> None:
    """What a job that ended without success means for its steps, its resource and everybody who waits for it."""
    step = job.next_step()
    if step is not None:
        step.fail(reason, now)
    if not job.delivers:
        resource.delayed = False
        resource.message = f"{job.plan.failed}. Our staff will look at it."
        resource.note("power_failed", at=now, by=SYSTEM, reason=reason, detail={"action": job.kind})
    elif resource.status == "provisioning" and resource.fail(reason, now):
        work.publish(resource_failed(resource, reason))
