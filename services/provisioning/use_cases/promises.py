"""What provisioning promises, as queries that find what breaks it. Read by the clock once a minute.

The provider's own list is compared where drift is looked for (`jobs/clock.py`).
"""

from collections.abc import Sequence
from datetime import timedelta

import orjson
from sqlalchemy import select

from services.provisioning.adapters.tables import plumbing
from services.provisioning.domain import Resource
from shared.database import Database
from shared.web.invariants import Invariant, Probe, PromiseWatch, floor_id, stuck_facts, told_twice

INVARIANTS: tuple[Invariant, ...] = (
    stuck_facts(),
    told_twice("provisioning.resource.activated.v1"),
    Invariant(
        "I1",
        "delivery_without_a_job",
        """
        SELECT resource.id FROM resources AS resource
        WHERE resource.id BETWEEN :since AND :until AND resource.status IN ('pending', 'provisioning')
          AND NOT EXISTS (
            SELECT FROM jobs AS job
            WHERE job.resource_id = resource.id AND job.intent = 'create'
              AND (job.state = 'ready' OR (resource.provider IS NULL AND job.state = 'dead')))
        """,
        prefix="svc",
        grace=timedelta(minutes=1),
    ),
    Invariant(
        "I1",
        "active_without_a_machine",
        """
        SELECT id FROM resources
        WHERE id > :since AND status = 'active' AND provider IS NOT NULL AND external_ref IS NULL
        """,
        prefix="svc",
    ),
    Invariant(
        "I7",
        "active_before_its_job_was_done",
        """
        SELECT resource.id FROM resources AS resource JOIN jobs AS job ON job.resource_id = resource.id
        WHERE job.id > :since AND job.intent = 'create' AND job.state <> 'done' AND resource.status = 'active'
        """,
        prefix="svc",
    ),
    Invariant(
        "I2",
        "ended_right_still_served",
        """
        SELECT resource.id FROM resources AS resource
        WHERE resource.entitlement <> 'valid' AND resource.status <> 'removed' AND resource.entitlement = 'ended'
          AND resource.status <> 'terminated'
          AND NOT EXISTS (SELECT FROM jobs AS job WHERE job.resource_id = resource.id AND job.state = 'ready')
        """,
        prefix="svc",
    ),
    Invariant(
        "I8",
        "suspended_right_still_served",
        """
        SELECT resource.id FROM resources AS resource
        WHERE resource.entitlement <> 'valid' AND resource.status <> 'removed' AND resource.entitlement = 'suspended'
          AND resource.status = 'active'
          AND NOT EXISTS (SELECT FROM jobs AS job WHERE job.resource_id = resource.id AND job.state = 'ready')
        """,
        prefix="svc",
    ),
)

_LOOKED_AT = 1000
_GRANTED = "catalog.entitlement.granted.v1"
_GRACE, _WINDOW = timedelta(minutes=1), timedelta(hours=6)


def promise_watch(database: Database) -> PromiseWatch:
    """Everything provisioning watches in its own schema."""

    async def grants_without_effect() -> Sequence[str]:
        return await handled_grants_without_resource(database)

    probe = Probe("I9", "grant_handled_without_effect", grants_without_effect)
    return PromiseWatch("provisioning", database, INVARIANTS, [probe])


async def handled_grants_without_resource(database: Database) -> list[str]:
    """Entitlements whose fact counts as handled and that no resource stands for; the newest thousand are looked at."""
    inbox, now = plumbing.inbox_table, database.clock.now()
    handled = (
        select(inbox.c.body)
        .where(
            inbox.c.id.between(floor_id(now - _WINDOW), floor_id(now - _GRACE)),
            inbox.c.type == _GRANTED,
            inbox.c.state == "done",
        )
        .order_by(inbox.c.id.desc())
        .limit(_LOOKED_AT)
    )
    async with database.read() as session:
        granted = [str(orjson.loads(body)["data"]["entitlement_id"]) for body in await session.scalars(handled)]
        served = set(await session.scalars(select(Resource.entitlement_id).where(Resource.entitlement_id.in_(granted))))
    return [entitlement for entitlement in granted if entitlement not in served]
