"""Our records, for comparing them with a provider's list."""

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
    """What our records say about an active resource. `settled`: it is old enough to be in every listing."""

    external_ref: str | None
    power: str | None
    missing: bool
    settled: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """Active resources by reference, those that must stay off, and which of the listed references belong to a resource
    that is not gone."""

    active: Mapping[str, Entry]
    must_be_off: frozenset[str]
    living: frozenset[str]


async def read_recorded(
    session: AsyncSession, provider: str, product_type: str, listed: Collection[str], now: datetime
) -> Recorded:
    """Our side of the comparison with what `provider` listed at about `now`."""
    rows = (
        await session.execute(
            select(
                Resource.id,
                Resource._status.label("status"),
                Resource.external_ref,
                Resource.power,
                Resource.missing_since,
                Resource.activated_at,
            ).where(
                Resource.provider == provider,
                Resource.product_type == product_type,
                Resource._status.in_(("active", "suspended", "terminated")),
            )
        )
    ).all()
    active = {
        row.id: Entry(
            external_ref=row.external_ref,
            power=row.power,
            missing=row.missing_since is not None,
            settled=row.activated_at is not None and now - row.activated_at > _SETTLES,
        )
        for row in rows
        if row.status == "active"
    }
    must_be_off = frozenset(row.id for row in rows if row.status != "active")
    unknown = [
        reference
        for reference in listed
        if reference not in active and reference not in must_be_off and is_id("svc", reference)
    ]
    living = await session.scalars(select(Resource.id).where(Resource.id.in_(unknown), Resource._status != "removed"))
    return Recorded(active, must_be_off, frozenset(active) | must_be_off | frozenset(living))
