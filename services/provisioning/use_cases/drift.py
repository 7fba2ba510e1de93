"""What the provider shows differs from our books: that is written down here. Nothing is made or removed because of it;
only what must not run and does is stopped again.
"""

from collections.abc import Collection

from sqlalchemy import select, update
from sqlalchemy.orm import selectinload

from services.provisioning.domain import SUSPEND, SYSTEM, Provider, Resource
from services.provisioning.use_cases.intend import Intent, Refused, intend, lock_resource
from services.provisioning.use_cases.tools import Tools
from shared.database import UnitOfWork

_STARTED_ELSEWHERE = "It was found running though it must stay off"


async def record_sighting(work: UnitOfWork, resource_id: str, power: str | None) -> bool:
    """The thing was seen in this power state. What is pending will report by itself, so it is left alone.

    True when it had been missing.
    """
    resource = await _active(work, resource_id)
    if resource is None or resource.pending:
        return False
    found_again = resource.turn_up(work.clock.now())
    if (power is not None and resource.see_power(power)) or found_again:
        work.wake(f"timeline:{resource_id}")
    return found_again


async def record_missing(work: UnitOfWork, resource_ids: Collection[str]) -> list[str]:
    """These things are not at the provider. Returns the ids for which that is news."""
    news = []
    for resource_id in sorted(resource_ids):
        resource = await _active(work, resource_id)
        if resource is not None and resource.go_missing(work.clock.now()):
            news.append(resource_id)
            work.wake(f"timeline:{resource_id}")
    return news


async def stop_again(work: UnitOfWork, tools: Tools, resource_id: str) -> bool:
    """It runs though it is suspended or over: somebody started it by another route. It is flagged, and stopped.

    False when something that is pending will see to it.
    """
    statement = select(Resource).where(Resource.id == resource_id)
    resource = await lock_resource(work, statement, "The service is gone.")
    if resource.pending or resource.status not in ("suspended", "terminated"):
        return False
    now = work.clock.now()
    resource.see_power("running")
    resource.note("started_elsewhere", at=now, by=SYSTEM, reason=_STARTED_ELSEWHERE)
    try:
        key = f"{SUSPEND}:again:{resource.id}:{now.isoformat()}"
        await intend(work, tools, resource, Intent(SUSPEND, key, SYSTEM, _STARTED_ELSEWHERE))
    except Refused:
        return False
    return True


async def record_reachable(work: UnitOfWork, provider: str, reachable: bool) -> None:
    """Whether the provider answered when it was compared."""
    await work.session.execute(
        update(Provider)
        .where(Provider.name == provider, Provider.reachable.is_distinct_from(reachable))
        .values(reachable=reachable)
        .execution_options(synchronize_session=False)
    )


async def _active(work: UnitOfWork, resource_id: str) -> Resource | None:
    return await work.session.scalar(
        select(Resource)
        .where(Resource.id == resource_id, Resource._status == "active")
        .options(selectinload(Resource.pending))
        .with_for_update(of=Resource)
    )
