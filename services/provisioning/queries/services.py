"""What somebody owns: for customers theirs, for staff all. The owner filter stands here and nowhere else."""

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from services.provisioning.domain import CREATE, Job, Resource, ResourceHistory
from services.provisioning.queries.jobs import job_view
from services.provisioning.queries.search import is_address, is_id, is_named, of_account
from services.provisioning.queries.timeline import timeline_of
from services.provisioning.queries.views import (
    HistoryView,
    PlanView,
    ServiceTimeline,
    ServiceView,
    StaffServiceDetail,
    StaffServiceView,
)
from shared.contracts.reads.common import Page
from shared.kernel import NotFound
from shared.web.pagination import PageRequest, page_of

_MISSING = "There is no such service."
_ALL_JOBS = 100


def owned_by(account_id: str) -> Select[Resource]:
    """The services of one account."""
    return _resources().where(Resource.account_id == account_id)


def _resources() -> Select[Resource]:
    return select(Resource).options(selectinload(Resource.pending_power))


async def list_services(
    session: AsyncSession, account_id: str, page: PageRequest, order_id: str | None
) -> Page[ServiceView]:
    """An account's services, the latest first; of one order when asked."""
    statement = owned_by(account_id)
    if order_id is not None:
        statement = statement.where(Resource.order_id == order_id)
    return await page_of(session, statement, Resource.id, page, service_view)


async def read_service(session: AsyncSession, account_id: str, resource_id: str) -> ServiceView:
    """One service of the account. Raises NotFound."""
    return service_view(await _one(session, owned_by(account_id), resource_id))


async def read_timeline(session: AsyncSession, account_id: str, resource_id: str) -> ServiceTimeline:
    """What happened to one service of the account. Raises NotFound."""
    resource = await _one(session, owned_by(account_id), resource_id)
    return ServiceTimeline(
        data=timeline_of(resource, await _history(session, resource), await _jobs(session, resource))
    )


async def list_all_services(session: AsyncSession, page: PageRequest, q: str | None) -> Page[StaffServiceView]:
    """Everybody's services; `q` is an id (svc_, acc_, ord_, ent_), an address, or how a name begins."""
    statement = _resources()
    if q:
        statement = statement.where(_matching(q))
    return await page_of(session, statement, Resource.id, page, staff_view)


async def read_any_service(session: AsyncSession, resource_id: str) -> StaffServiceDetail:
    """One service with its whole story. Raises NotFound."""
    resource = await _one(session, _resources(), resource_id)
    history, jobs = await _history(session, resource), await _jobs(session, resource)
    return StaffServiceDetail(
        **staff_view(resource).model_dump(),
        timeline=timeline_of(resource, history, jobs),
        history=[HistoryView.model_validate(line, from_attributes=True) for line in history],
        jobs=[job_view(job) for job in jobs],
    )


def service_view(resource: Resource) -> ServiceView:
    """A resource as its owner sees it."""
    return ServiceView(
        id=resource.id,
        name=resource.name,
        product_type=resource.product_type,
        plan=PlanView(code=resource.plan_code, name=resource.plan_name),
        status=resource.status,
        power=resource.power,
        order_id=resource.order_id,
        entitlement_id=resource.entitlement_id,
        ipv4=resource.ipv4,
        spec=resource.spec,
        template=resource.template,
        created_at=resource.created_at,
        activated_at=resource.activated_at,
        delayed=resource.delayed,
        message=resource.message,
        pending_action=resource.pending_power.kind if resource.pending_power else None,
    )


def staff_view(resource: Resource) -> StaffServiceView:
    """A resource as staff see it."""
    return StaffServiceView(
        **service_view(resource).model_dump(),
        account_id=resource.account_id,
        provider=resource.provider,
        machine_id=resource.machine_id,
        missing_since=resource.missing_since,
        version=resource.version,
    )


def _matching(q: str) -> ColumnElement[bool]:
    if is_id("acc", q):
        return of_account(q)
    for prefix, column in (("svc", Resource.id), ("ord", Resource.order_id), ("ent", Resource.entitlement_id)):
        if is_id(prefix, q):
            return column == q
    return Resource.ipv4 == q if is_address(q) else is_named(Resource.id, q)


async def _one(session: AsyncSession, statement: Select[Resource], resource_id: str) -> Resource:
    found = await session.scalar(statement.where(Resource.id == resource_id))
    if found is None:
        raise NotFound(_MISSING)
    return found


async def _history(session: AsyncSession, resource: Resource) -> list[ResourceHistory]:
    lines = select(ResourceHistory).where(ResourceHistory.resource_id == resource.id).order_by(ResourceHistory.id)
    return list(await session.scalars(lines))


async def _jobs(session: AsyncSession, resource: Resource) -> list[Job]:
    """Its delivery, and the latest of its other jobs."""
    jobs = (
        select(Job)
        .where(Job.resource_id == resource.id)
        .options(selectinload(Job.steps), selectinload(Job.resource))
        .order_by((Job.kind == CREATE).desc(), Job.id.desc())
        .limit(_ALL_JOBS)
    )
    return list(await session.scalars(jobs))
