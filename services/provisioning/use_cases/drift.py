"""What the provider shows differs from our books: that is written down here; no machine is made or removed."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from services.provisioning.domain import Resource
from shared.database import UnitOfWork


async def record_sighting(work: UnitOfWork, resource_id: str, power: str) -> bool:
    """The machine was seen in this power state. A pending power action will report by itself, so it is left alone.

    True when the machine had been missing.
    """
    resource = await _active(work, resource_id)
    if resource is None or resource.pending_power is not None:
        return False
    found_again = resource.turn_up(work.clock.now())
    if resource.see_power(power) or found_again:
        work.wake(f"timeline:{resource_id}")
    return found_again


async def record_missing(work: UnitOfWork, resource_ids: Collection[str]) -> list[str]:
    """These machines are not at the provider. Returns the ids for which that is news."""
    news = []
    for resource_id in sorted(resource_ids):
        resource = await _active(work, resource_id)
        if resource is not None and resource.go_missing(work.clock.now()):
            news.append(resource_id)
            work.wake(f"timeline:{resource_id}")
    return news


async def _active(work: UnitOfWork, resource_id: str) -> Resource | None:
    return await work.session.scalar(
        select(Resource)
        .where(Resource.id == resource_id, Resource._status == "active")
        .options(selectinload(Resource.pending_power))
        .with_for_update(of=Resource)
    )
