"""The work behind services, for staff."""

from typing import Literal

from sqlalchemy import ColumnElement, Select, and_, not_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from services.provisioning.adapters.tables import MOST_ATTEMPTS
from services.provisioning.domain import Job, Resource
from services.provisioning.queries.search import is_id, is_named, of_account
from services.provisioning.queries.views import JobDetail, JobService, JobView, StepView
from shared.contracts.reads.common import Page
from shared.kernel import NotFound
from shared.web.pagination import PageRequest, page_of

JobState = Literal["ready", "running", "waiting", "done", "dead", "parked", "canceled"]


async def list_jobs(session: AsyncSession, page: PageRequest, state: JobState | None, q: str | None) -> Page[JobView]:
    """Jobs, the latest first. `ready` lists all that are not finished, `running` and `waiting` parts of them; `q` is
    an id (job_, svc_, acc_, ord_) or how a service's name begins."""
    statement = select(Job).options(joinedload(Job.resource))
    if state is not None:
        statement = statement.where(_in_state(state))
    if q:
        statement = _searched(statement, q, few=state not in (None, "done"))
    return await page_of(session, statement, Job.id, page, job_view)


async def read_job(session: AsyncSession, job_id: str) -> JobDetail:
    """One job with its steps. Raises NotFound."""
    statement = select(Job).where(Job.id == job_id).options(joinedload(Job.resource), selectinload(Job.steps))
    job = await session.scalar(statement)
    if job is None:
        raise NotFound("There is no such job.")
    return JobDetail(
        **job_view(job).model_dump(),
        order_id=job.resource.order_id,
        idempotency_key=job.idempotency_key,
        requested_by=job.requested_by,
        deadline_at=job.deadline_at,
        steps=[
            StepView(
                name=step.name,
                title=job.plan.step(step.name).title,
                state=step.state,
                started_at=step.started_at,
                finished_at=step.finished_at,
                detail=step.detail,
                tries=step.tries,
            )
            for step in job.steps
        ],
    )


def job_view(job: Job) -> JobView:
    """A job with its service loaded."""
    state = state_of(job)
    return JobView(
        id=job.id,
        kind=job.kind,
        state=state,
        attempts=job.attempts,
        max_attempts=MOST_ATTEMPTS,
        next_attempt_at=job.next_attempt_at if state in ("ready", "waiting") else None,
        last_error=job.last_error,
        failure_class=job.failure_class,
        service=JobService(id=job.resource.id, name=job.resource.name, status=job.resource.status),
        account_id=job.resource.account_id,
        created_at=job.created_at,
        finished_at=job.finished_at,
    )


def state_of(job: Job) -> str:
    """The stored state; one that is not finished is told apart into ready, running and waiting (tried before)."""
    if job.state != "ready":
        return job.state
    if job.held:
        return "running"
    return "waiting" if job.attempts > 0 else "ready"


def _in_state(state: JobState) -> ColumnElement[bool]:
    if state == "running":
        return and_(Job.state == "ready", Job.held)
    if state == "waiting":
        return and_(Job.state == "ready", not_(Job.held), Job.attempts > 0)
    return Job.state == state


def _searched(statement: Select[Job], q: str, *, few: bool) -> Select[Job]:
    if is_id("job", q):
        return statement.where(Job.id == q)
    if is_id("svc", q):
        return statement.where(Job.resource_id == q)
    if is_id("acc", q) and few:
        # Asked of each job in that state: in a join the planner may walk everything a large account has instead.
        account = select(Resource.account_id).where(Resource.id == Job.resource_id)
        return statement.where(account.scalar_subquery() == q)
    of_resources = statement.join(Resource, Resource.id == Job.resource_id)
    if is_id("acc", q):
        return of_resources.where(of_account(q))
    if is_id("ord", q):
        return of_resources.where(Resource.order_id == q)
    return statement.where(is_named(Job.resource_id, q))
