"""Our books, for comparing them with a provider's list."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.provisioning.domain import Resource
from services.provisioning.queries.search import is_id

# A provider's listing may lag behind what it has just made.
_SETTLES = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Entry:
    """What our books say about an active resource. `settled`: it is old enough to be in every listing."""

    machine_id: int | None
    power: str | None
    missing: bool
    settled: bool


@dataclass(frozen=True, slots=True)
class Books:
    """Active resources by reference, and which of the listed references belong to a resource that is not over."""

    active: Mapping[str, Entry]
    living: frozenset[str]


async def read_books(session: AsyncSession, provider: str, listed: Collection[str], now: datetime) -> Books:
    """Our side of the comparison with what `provider` listed at about `now`."""
    rows = await session.execute(
        select(Resource.id, Resource.machine_id, Resource.power, Resource.missing_since, Resource.activated_at).where(
            Resource.provider == provider, Resource._status == "active"
        )
    )
    active = {
        row.id: Entry(
            machine_id=row.machine_id,
            power=row.power,
            missing=row.missing_since is not None,
            settled=row.activated_at is not None and now - row.activated_at > _SETTLES,
        )
        for row in rows
    }
    unknown = [reference for reference in listed if reference not in active and is_id("svc", reference)]
    living = await session.scalars(
        select(Resource.id).where(Resource.id.in_(unknown), Resource._status != "terminated")
    )
    return Books(active, frozenset(active) | frozenset(living))
