"""A customer starts, stops or restarts a machine."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from services.provisioning.domain import Job, Resource
from shared.database import UnitOfWork
from shared.kernel import Conflict
from shared.telemetry.tracing import current_traceparent


async def request_power(
    work: UnitOfWork, *, account_id: str, resource_id: str, action: str, request: str, by: str
) -> Job:
    """Queues a power action; `request` names the caller's request, and the same one makes no second job.

    Raises NotFound, or Conflict: service-not-active unless the service is active, action-in-progress while another
    power action is pending.
    """
    owned = select(Resource).where(Resource.id == resource_id, Resource.account_id == account_id)
    resource = await work.one(
        owned.options(selectinload(Resource.pending_power)).with_for_update(of=Resource), "There is no such service."
    )
    key = f"power:{resource_id}:{action}:{request}"
    earlier = await work.session.scalar(select(Job).where(Job.idempotency_key == key))
    if earlier is not None:
        return earlier
    if resource.status != "active":
        raise Conflict(
            f"The service is {resource.status}; only an active service can be started, stopped or restarted.",
            slug="service-not-active",
        )
    if resource.pending_power is not None:
        raise Conflict(
            f"A {resource.pending_power.kind} is in progress. Wait until it is finished.", slug="action-in-progress"
        )
    job = Job.planned(action, resource, key=key, at=work.clock.now(), by=by)
    job.trace = current_traceparent()
    work.add(job)
    await work.session.flush()
    work.wake("jobs")
    work.wake(f"timeline:{resource_id}")
    return job
