"""Providers and what needs a person, for staff."""

from sqlalchemy import ColumnElement, Select, Subquery, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.provisioning.adapters.tables import PROVIDER_WRITES, plumbing, switches
from services.provisioning.domain import Job, Provider, Resource
from services.provisioning.queries.scope import staff_only
from shared.contracts.reads.provisioning import ProvidersView, ProviderView, ProvisioningOverview, SwitchView
from shared.kernel import NotFound, Principal

_MOST_COUNTED = 100


async def read_providers(session: AsyncSession, caller: Principal) -> ProvidersView:
    """Every provider by name, and the switch over all of them."""
    staff_only(caller)
    rows = await session.scalars(select(Provider).order_by(Provider.name))
    return ProvidersView(data=[provider_view(row) for row in rows], writes=await read_writes(session, caller))


async def read_provider(session: AsyncSession, caller: Principal, provider_id: str) -> ProviderView:
    """One provider. Raises NotFound."""
    staff_only(caller)
    found = await session.get(Provider, provider_id)
    if found is None:
        raise NotFound("There is no such provider.")
    return provider_view(found)


async def read_writes(session: AsyncSession, caller: Principal) -> SwitchView:
    """Whether writing to providers is stopped, since when, by whom and why."""
    staff_only(caller)
    state = await switches.state(session, PROVIDER_WRITES)
    return SwitchView(
        name=state.name, engaged=state.engaged, by=state.by, reason=state.reason, changed_at=state.changed_at
    )


async def read_overview(session: AsyncSession, caller: Principal) -> ProvisioningOverview:
    """What needs a person. Nothing is counted further than a hundred."""
    providers = await read_providers(session, caller)
    inbox, outbox = plumbing.inbox_table, plumbing.outbox_table
    letters = 0
    for table in (inbox, outbox):
        given_up = select(table.c.id).where(table.c.state.in_(("dead", "parked")))
        letters += int(await session.scalar(_capped(given_up.limit(_MOST_COUNTED).subquery())) or 0)
    return ProvisioningOverview(
        dead_jobs=await _jobs(session, Job.state == "dead"),
        parked_jobs=await _jobs(session, Job.state == "parked"),
        waiting_jobs=await _jobs(session, Job.state == "ready", Job.last_error.is_not(None)),
        missing_services=int(
            await session.scalar(
                _capped(select(Resource.id).where(Resource.missing_since.is_not(None)).limit(_MOST_COUNTED).subquery())
            )
            or 0
        ),
        dead_letters=min(letters, _MOST_COUNTED),
        providers=providers.data,
        writes=providers.writes,
    )


def provider_view(provider: Provider) -> ProviderView:
    """A provider as staff see it: its secret by reference only."""
    return ProviderView(
        id=provider.id,
        name=provider.name,
        kind=provider.kind,
        product_types=provider.product_types,
        endpoint=provider.endpoint,
        secret_ref=provider.secret_ref,
        regions=provider.regions,
        settings=provider.settings,
        capacity=provider.capacity,
        used=provider.used,
        state=provider.state,
        reachable=provider.reachable,
        version=provider.version,
    )


async def _jobs(session: AsyncSession, *conditions: ColumnElement[bool]) -> int:
    counted = select(Job.id).where(*conditions).limit(_MOST_COUNTED).subquery()
    return int(await session.scalar(_capped(counted)) or 0)


def _capped(rows: Subquery) -> Select[int]:
    return select(func.count()).select_from(rows)
