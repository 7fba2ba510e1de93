"""What somebody owns: for customers theirs, for staff all."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, selectinload

from services.provisioning.domain import CREATE, Customer, Job, Resource, ResourceHistory
from services.provisioning.product_types import ProductTypes
from services.provisioning.queries.jobs import job_view
from services.provisioning.queries.scope import everybodys, owned_by
from services.provisioning.queries.search import is_address, is_id, is_mail_address, is_named, of_account
from services.provisioning.queries.shown import access_of, service_view, staff_view
from services.provisioning.queries.timeline import timeline_of
from shared.contracts.reads.common import Page
from shared.contracts.reads.provisioning import (
    HistoryView,
    ServiceDetail,
    ServiceTimeline,
    ServiceView,
    StaffServiceDetail,
    StaffServiceView,
)
from shared.kernel import Invalid, NotFound, Principal
from shared.web.pagination import PageRequest, page_of

_MISSING = "There is no such service."
_ALL_JOBS = 100
# An order holds no more units than this.
MOST_OF_AN_ORDER = 200


async def list_services(
    session: AsyncSession, types: ProductTypes, caller: Principal, page: PageRequest, order_id: str | None
) -> Page[ServiceView]:
    """The services of the caller's account, the latest first; of one order when asked."""
    statement = owned_by(caller)
    if order_id is not None:
        statement = statement.where(Resource.order_id == order_id)
    return await page_of(session, statement, Resource.id, page, lambda resource: service_view(types, resource))


async def services_of_order(
    session: AsyncSession, types: ProductTypes, caller: Principal, order_id: str | None
) -> Page[ServiceDetail]:
    """Every service of one order with its timeline, the latest first, in one read. Raises Invalid without an order."""
    if order_id is None:
        raise Invalid("Timelines are read for one order: name it with order_id.", slug="order-needed")
    statement = owned_by(caller).where(Resource.order_id == order_id).order_by(Resource.id.desc())
    resources = (await session.scalars(statement.limit(MOST_OF_AN_ORDER))).all()
    return Page(data=await _details(session, types, resources))


async def read_service(
    session: AsyncSession, types: ProductTypes, caller: Principal, resource_id: str
) -> ServiceDetail:
    """One service of the caller's account, with its timeline. Raises NotFound."""
    resource = await _one(session, owned_by(caller), resource_id)
    return (await _details(session, types, [resource]))[0]


async def read_timeline(
    session: AsyncSession, types: ProductTypes, caller: Principal, resource_id: str
) -> ServiceTimeline:
    """What happened to one service of the caller's account. Raises NotFound."""
    return ServiceTimeline(data=(await read_service(session, types, caller, resource_id)).timeline)


async def list_all_services(
    session: AsyncSession, types: ProductTypes, caller: Principal, page: PageRequest, q: str | None
) -> Page[StaffServiceView]:
    """Everybody's services; `q` is an id (svc_, acc_, ord_, ent_), an address, what its provider calls it, its
    customer's mail address, or how a name begins."""
    statement = everybodys(caller)
    if q:
        statement = statement.where(_matching(q))
    return await page_of(session, statement, Resource.id, page, lambda resource: staff_view(types, resource))


async def read_any_service(
    session: AsyncSession, types: ProductTypes, caller: Principal, resource_id: str
) -> StaffServiceDetail:
    """One service with its whole story. Raises NotFound."""
    resource = await _one(session, everybodys(caller), resource_id)
    history = (await _histories(session, [resource]))[resource.id]
    jobs = (await _jobs(session, [resource]))[resource.id]
    return StaffServiceDetail(
        **staff_view(types, resource).model_dump(),
        timeline=timeline_of(types, resource, history, jobs),
        history=[HistoryView.model_validate(line, from_attributes=True) for line in history],
        jobs=[job_view(job) for job in jobs],
    )


async def _details(session: AsyncSession, types: ProductTypes, resources: Sequence[Resource]) -> list[ServiceDetail]:
    """Two questions however many resources there are."""
    histories, jobs = await _histories(session, resources), await _jobs(session, resources)
    return [
        ServiceDetail(
            **service_view(types, resource).model_dump(),
            timeline=timeline_of(types, resource, histories[resource.id], jobs[resource.id]),
            access=access_of(types, resource),
        )
        for resource in resources
    ]


def _matching(q: str) -> ColumnElement[bool]:
    if is_id("acc", q):
        return of_account(q)
    for prefix, column in (("svc", Resource.id), ("ord", Resource.order_id), ("ent", Resource.entitlement_id)):
        if is_id(prefix, q):
            return column == q
    if is_address(q):
        return Resource.address == q
    if is_mail_address(q):
        accounts = select(Customer.account_id).where(func.lower(Customer.email) == q.lower())
        return Resource.account_id.in_(accounts)
    if q.isdigit():
        return or_(Resource.external_ref == q, is_named(Resource.id, q))
    return is_named(Resource.id, q)


async def _one(session: AsyncSession, statement: Select[Resource], resource_id: str) -> Resource:
    found = await session.scalar(statement.where(Resource.id == resource_id))
    if found is None:
        raise NotFound(_MISSING)
    return found


async def _histories(session: AsyncSession, resources: Sequence[Resource]) -> dict[str, list[ResourceHistory]]:
    found: dict[str, list[ResourceHistory]] = defaultdict(list)
    lines = (
        select(ResourceHistory)
        .where(ResourceHistory.resource_id.in_([resource.id for resource in resources]))
        .order_by(ResourceHistory.id)
    )
    for line in await session.scalars(lines):
        found[line.resource_id].append(line)
    return found


async def _jobs(session: AsyncSession, resources: Sequence[Resource]) -> dict[str, list[Job]]:
    """Of each, its delivery and the latest of its other jobs."""
    found: dict[str, list[Job]] = defaultdict(list)
    place = func.row_number().over(
        partition_by=Job.resource_id, order_by=((Job.intent == CREATE).desc(), Job.id.desc())
    )
    ranked = (
        select(Job.id, place.label("place"))
        .where(Job.resource_id.in_([resource.id for resource in resources]))
        .subquery()
    )
    jobs = (
        select(Job)
        .join(ranked, ranked.c.id == Job.id)
        .join(Job.resource)
        .outerjoin(Resource.customer)
        .where(ranked.c.place <= _ALL_JOBS)
        .options(selectinload(Job.steps), contains_eager(Job.resource).contains_eager(Resource.customer))
        .order_by(ranked.c.place)
    )
    for job in await session.scalars(jobs):
        found[job.resource_id].append(job)
    return found
