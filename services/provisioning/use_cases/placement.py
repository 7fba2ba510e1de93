"""Which provider a new resource goes to: one that makes its product type, is open, has its region and has room; of
those, the one with the most room. Reserved in the database, so no two take the last place.
"""

import structlog
from sqlalchemy import ColumnElement, any_, literal, or_, select, update

from services.provisioning.domain import NO_ROOM, Provider
from services.provisioning.use_cases.run_job import job_and_resource, wait_without_attempt
from services.provisioning.use_cases.tools import Tools
from shared.database import Claimed, UnitOfWork

log = structlog.get_logger()


async def place(work: UnitOfWork, tools: Tools, claimed: Claimed) -> str | None:
    """The provider's name; None when there is no room now, and the job waits for some."""
    await tools.queue.extend(work.session, claimed)
    job, resource = await job_and_resource(work, claimed)
    if resource.provider is not None:
        return resource.provider
    region = resource.configuration.get("region")
    name = await _take_room(work, resource.product_type, str(region) if region else None)
    if name is None:
        where = f" in {region}" if region else ""
        reason = f"No open provider has room for a {resource.product_type}{where}"
        await wait_without_attempt(work, tools, claimed, job, resource, reason, NO_ROOM)
        return None
    resource.provider = name
    resource.recover()
    log.info("resource_placed", resource=resource.id, provider=name)
    return name


async def _take_room(work: UnitOfWork, product_type: str, region: str | None) -> str | None:
    """Takes one place at the provider with the most room. Whoever is faster at the last one leaves us the next best."""
    room = or_(Provider.capacity.is_(None), Provider.used < Provider.capacity)
    open_here: list[ColumnElement[bool]] = [
        Provider._status == "open",
        literal(product_type) == any_(Provider.product_types),
        room,
    ]
    if region is not None:
        open_here.append(literal(region) == any_(Provider.regions))
    best = (
        select(Provider.id)
        .where(*open_here)
        .order_by((Provider.capacity - Provider.used).desc().nulls_first(), Provider.used, Provider.id)
    )
    for provider_id in (await work.session.scalars(best)).all():
        name: str | None = await work.session.scalar(
            update(Provider)
            .where(Provider.id == provider_id, Provider._status == "open", room)
            .values(used=Provider.used + 1)
            .returning(Provider.name)
            .execution_options(synchronize_session=False)
        )
        if name is not None:
            return name
    return None
