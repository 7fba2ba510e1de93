"""What has ended is kept for its grace, and then removed."""

from sqlalchemy import select

from services.provisioning.domain import ENDED, REMOVE, SYSTEM, Resource
from services.provisioning.use_cases.intend import Intent, Refused, intend, lock_resource
from services.provisioning.use_cases.tools import Tools
from shared.database import UnitOfWork

_BATCH = 50
_REASON = "Its grace is over"


async def begin_removals(work: UnitOfWork, tools: Tools) -> int:
    """Asks for the removal of everything whose grace is over; says of how many that is news."""
    now = work.clock.now()
    due = (
        select(Resource.id)
        .where(Resource._status == "terminated", Resource.remove_at <= now, Resource.entitlement == ENDED)
        .order_by(Resource.remove_at)
        .limit(_BATCH)
    )
    asked = 0
    for resource_id in (await work.session.scalars(due)).all():
        resource = await lock_resource(work, select(Resource).where(Resource.id == resource_id), "The service is gone.")
        if any(job.intent == REMOVE for job in resource.pending):
            continue
        key = f"{REMOVE}:{resource.id}:{resource.version}"
        try:
            await intend(work, tools, resource, Intent(REMOVE, key, SYSTEM, _REASON))
        except Refused:
            continue  # its right is valid again, and it is being restored
        resource.remove_at = None
        asked += 1
    return asked
