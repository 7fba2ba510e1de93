"""A job has taken too long: what is promised must not stay open for ever without anybody knowing."""

from sqlalchemy import func, not_, select, update
from sqlalchemy.orm import selectinload

from services.provisioning.domain import Job, Resource
from services.provisioning.use_cases.conclude import fall_short
from services.provisioning.use_cases.tools import Tools
from shared.database import FailureClass, UnitOfWork

_BATCH = 50


async def expire_overdue(work: UnitOfWork, tools: Tools) -> int:
    """Ends jobs past their deadline that no worker holds at this moment; says how many.

    A worker that does hold one checks the deadline itself when its attempt fails.
    """
    now = work.clock.now()
    overdue = (
        select(Job)
        .where(Job.state == "ready", Job.deadline_at < now, not_(Job.held))
        .order_by(Job.deadline_at)
        .limit(_BATCH)
        .options(selectinload(Job.steps))
        .with_for_update(skip_locked=True, of=Job)
    )
    jobs = (await work.session.scalars(overdue)).all()
    for job in jobs:
        resource = await work.one(
            select(Resource).where(Resource.id == job.resource_id).with_for_update(), "The service is gone."
        )
        hours = (job.deadline_at - job.created_at).total_seconds() / 3600
        reason = f"No success within {hours:.3g} hours. Last: {job.last_error or 'no attempt failed'}"
        # Without a token, a worker that overslept its lease finds that the job is no longer its own.
        await work.session.execute(
            update(Job)
            .where(Job.id == job.id)
            .values(
                state="dead",
                lease_token=None,
                failure_class=FailureClass.PERMANENT.value,
                last_error=reason[:500],
                finished_at=func.clock_timestamp(),
            )
            .execution_options(synchronize_session=False)
        )
        fall_short(work, tools, job, resource, reason, now)
        work.wake(f"timeline:{resource.id}")
    return len(jobs)
