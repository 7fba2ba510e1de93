"""What has ended is kept for its grace, by the business time of its account, and then removed."""

from sqlalchemy import func, literal, select

from services.provisioning.adapters.tables import timers
from services.provisioning.domain import ENDED, REMOVE, SYSTEM, Resource
from services.provisioning.use_cases.intend import Intent, Refused, intend, lock_resource
from services.provisioning.use_cases.tools import Tools
from shared.database import Instant, UnitOfWork

_BATCH = 50
_REASON = "Its grace is over"


async def begin_removals(work: UnitOfWork, tools: Tools) -> int:
    """Asks for the removal of everything whose grace is over; says of how many that is news."""
    now, clocks = literal(work.clock.now(), Instant), timers.clocks.table
    due = (
        select(Resource.id)
        .outerjoin(clocks, clocks.c.account_id == Resource.account_id)
        .where(
            Resource._status == "terminated",
            Resource.entitlement == ENDED,
            # Business time is never behind, so the account's own clock only brings the day nearer.
            Resource.remove_at <= now + func.make_interval(0, 0, 0, 0, 0, 0, func.coalesce(clocks.c.offset_seconds, 0)),
        )
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
