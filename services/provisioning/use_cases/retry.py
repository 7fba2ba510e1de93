"""Staff give a job another chance."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from services.provisioning.adapters.tables import JobQueue
from services.provisioning.domain import Job, Resource
from shared.database import UnitOfWork
from shared.kernel import Conflict, NotFound


async def retry_job(work: UnitOfWork, queue: JobQueue, job_id: str, *, by: str) -> None:
    """A dead or parked job starts again where it stopped; a waiting one becomes due now.

    Raises NotFound, or Conflict: job-running while a worker holds it, job-done when there is nothing left to do,
    action-in-progress when another power action of the service is pending, no-connector when only people can do it.
    """
    job = await work.one(
        select(Job).where(Job.id == job_id).options(selectinload(Job.steps)).with_for_update(of=Job),
        "There is no such job.",
    )
    if job.state in ("done", "canceled"):
        raise Conflict("The job is done; there is nothing to retry.", slug="job-done")
    if job.state == "ready":
        await _hurry(work, queue, job)
    else:
        await _revive(work, queue, job, by)
    work.wake(queue.name)
    work.wake(f"timeline:{job.resource_id}")


async def _hurry(work: UnitOfWork, queue: JobQueue, job: Job) -> None:
    if job.held:
        raise Conflict("A worker is doing this job right now.", slug="job-running")
    await queue.hurry(work.session, job.id)


async def _revive(work: UnitOfWork, queue: JobQueue, job: Job, by: str) -> None:
    resource = await work.one(
        select(Resource).where(Resource.id == job.resource_id).with_for_update(), "The service is gone."
    )
    if resource.provider is None:
        raise Conflict(f"No connector makes a {resource.product_type}; deliver it by hand.", slug="no-connector")
    now = work.clock.now()
    if job.delivers:
        resource.provision(now, by)
    elif resource.status != "active":
        raise Conflict(f"The service is {resource.status}.", slug="service-not-active")
    job.renew(now)
    await work.session.flush()
    if not await queue.replay(work.session, job.id):
        if job.delivers:
            raise NotFound("There is no such job.")
        raise Conflict("Another power action of this service is in progress.", slug="action-in-progress")
