"""Staff give a job another chance."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from services.provisioning.domain import Job, Resource
from services.provisioning.use_cases.run_job import held_off_reason, means_nothing
from services.provisioning.use_cases.tools import Tools
from shared.database import UnitOfWork
from shared.kernel import Conflict, NotFound


async def retry_job(work: UnitOfWork, tools: Tools, job_id: str, *, by: str) -> None:
    """A dead or parked job starts again where it stopped; a waiting one becomes due now.

    Raises NotFound, or Conflict: job-running while a worker holds it, job-done when there is nothing left to do,
    action-in-progress when the same or another action of the service is pending, service-not-active when it means
    nothing any more, no-connector when only people can do it.
    """
    job = await work.one(
        select(Job).where(Job.id == job_id).options(selectinload(Job.steps)).with_for_update(of=Job),
        "There is no such job.",
    )
    if job.state in ("done", "canceled"):
        raise Conflict("The job is done; there is nothing to retry.", slug="job-done")
    if job.state == "ready":
        await _hurry(work, tools, job)
    else:
        await _revive(work, tools, job, by)
    work.wake(tools.queue.name)
    work.wake(f"timeline:{job.resource_id}")


async def _hurry(work: UnitOfWork, tools: Tools, job: Job) -> None:
    if job.held:
        raise Conflict("A worker is doing this job right now.", slug="job-running")
    await tools.queue.make_due(work.session, job.id)


async def _revive(work: UnitOfWork, tools: Tools, job: Job, by: str) -> None:
    resource = await work.one(
        select(Resource).where(Resource.id == job.resource_id).with_for_update(), "The service is gone."
    )
    plan = tools.types.plan(resource.product_type, job.intent)
    if plan is None or not job.steps:
        raise Conflict(f"No connector makes a {resource.product_type}; deliver it by hand.", slug="no-connector")
    now = work.clock.now()
    if means_nothing(job, resource):
        raise Conflict(f"{held_off_reason(resource)}.", slug="service-not-active")
    if job.delivers:
        resource.provision(now, by)
    job.renew(now + plan.deadline)
    await work.session.flush()
    if not await tools.queue.replay(work.session, job.id):
        if job.delivers:
            raise NotFound("There is no such job.")
        raise Conflict("The same, or another action of this service, is in progress.", slug="action-in-progress")
