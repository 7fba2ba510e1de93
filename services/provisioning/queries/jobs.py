"""The work behind services, for staff."""

from typing import Literal

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from services.provisioning.adapters.tables import MOST_ATTEMPTS
from services.provisioning.domain import Customer, Job, JobPlan, Resource
from services.provisioning.product_types import ProductTypes
from services.provisioning.product_types.base import LIFE_DEADLINE
from services.provisioning.queries.scope import staff_only
from services.provisioning.queries.search import is_address, is_id, is_mail_address, is_named, of_account
from services.provisioning.queries.shown import customer_of
from shared.contracts.reads.common import Page
from shared.contracts.reads.provisioning import JobDetail, JobService, JobView, StepView
from shared.kernel import NotFound, Principal
from shared.web.pagination import PageRequest, page_of

JobState = Literal["ready", "running", "waiting", "done", "dead", "parked", "canceled"]
_NO_PLAN = JobPlan((), LIFE_DEADLINE, "", "", "")


async def list_jobs(
    session: AsyncSession, caller: Principal, page: PageRequest, state: JobState | None, q: str | None
) -> Page[JobView]:
    """Jobs, the latest first. `ready` lists all that are not finished, `running` and `waiting` parts of them; `q` is
    an id (job_, svc_, acc_, ord_, ent_), an address, what a provider calls a thing, a customer's mail address, or how a
    service's name begins."""
    staff_only(caller)
    statement = select(Job).options(joinedload(Job.resource).joinedload(Resource.customer))
    if state is not None:
        statement = statement.where(_in_state(state))
    if q:
        statement = _searched(statement, q, few=state not in (None, "done"))
    return await page_of(session, statement, Job.id, page, job_view)


async def read_job(session: AsyncSession, types: ProductTypes, caller: Principal, job_id: str) -> JobDetail:
    """One job with its steps. Raises NotFound."""
    staff_only(caller)
    loaded = (joinedload(Job.resource).joinedload(Resource.customer), selectinload(Job.steps))
    job = await session.scalar(select(Job).where(Job.id == job_id).options(*loaded))
    if job is None:
        raise NotFound("There is no such job.")
    plan = types.plan(job.resource.product_type, job.intent) or _NO_PLAN
    return JobDetail(
        **job_view(job).model_dump(),
        order_id=job.resource.order_id,
        idempotency_key=job.idempotency_key,
        requested_by=job.requested_by,
        reason=job.reason,
        deadline_at=job.deadline_at,
        steps=[
            StepView(
                name=step.name,
                title=plan.step(step.name).title,
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
    """A job with its service and that one's customer loaded."""
    state, resource = state_of(job), job.resource
    return JobView(
        id=job.id,
        intent=job.intent,
        state=state,
        attempts=job.attempts,
        max_attempts=MOST_ATTEMPTS,
        next_attempt_at=job.next_attempt_at if state in ("ready", "waiting") else None,
        last_error=job.last_error,
        failure_class=job.failure_class,
        service=JobService(id=resource.id, name=resource.name, status=resource.status),
        customer=customer_of(resource),
        created_at=job.created_at,
        finished_at=job.finished_at,
    )


def state_of(job: Job) -> str:
    """The stored state; one that is not finished is told apart into ready, running and waiting (tried before, or
    held)."""
    if job.state != "ready":
        return job.state
    if job.held:
        return "running"
    return "waiting" if job.attempts > 0 or job.last_error is not None else "ready"


def _in_state(state: JobState) -> ColumnElement[bool]:
    if state == "running":
        return and_(Job.state == "ready", Job.held)
    if state == "waiting":
        return and_(Job.state == "ready", not_(Job.held), or_(Job.attempts > 0, Job.last_error.is_not(None)))
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
    if is_id("ent", q):
        return of_resources.where(Resource.entitlement_id == q)
    if is_address(q):
        return of_resources.where(Resource.address == q)
    if is_mail_address(q):
        accounts = select(Customer.account_id).where(func.lower(Customer.email) == q.lower())
        return of_resources.where(Resource.account_id.in_(accounts))
    if q.isdigit():
        return of_resources.where(or_(Resource.external_ref == q, is_named(Job.resource_id, q)))
    return statement.where(is_named(Job.resource_id, q))
