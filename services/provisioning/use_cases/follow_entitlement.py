"""Catalog decides what an entitlement is worth now; here the world is made to match.

Facts may come late, twice and out of order: the entitlement's version says which is the newest. Suspending, resuming,
ending and restoring exclude each other and share one version; a change of what it is has another.
"""

import structlog
from sqlalchemy import select

from services.provisioning.domain import (
    CHANGE,
    ENDED,
    RESTORE,
    RESUME,
    SUSPEND,
    SUSPENDED,
    SYSTEM,
    TERMINATE,
    VALID,
    Job,
    Resource,
)
from services.provisioning.use_cases.conclude import end_at_once, refuse
from services.provisioning.use_cases.intend import Intent, Refused, intend, lock_resource
from services.provisioning.use_cases.tools import Tools
from shared.contracts.catalog import (
    EntitlementChanged,
    EntitlementEnded,
    EntitlementRestored,
    EntitlementResumed,
    EntitlementSuspended,
)
from shared.database import UnitOfWork

log = structlog.get_logger()

_NOT_YET = "This entitlement has not been granted here yet; its fact is on its way."


async def suspend(work: UnitOfWork, tools: Tools, fact: EntitlementSuspended) -> None:
    """Its service must stop and stay stopped."""
    await _follow(work, tools, fact, SUSPENDED, SUSPEND)


async def resume(work: UnitOfWork, tools: Tools, fact: EntitlementResumed) -> None:
    """Its service may run again."""
    await _follow(work, tools, fact, VALID, RESUME)


async def end(work: UnitOfWork, tools: Tools, fact: EntitlementEnded) -> None:
    """Its service is over: stopped, kept for its grace, and then removed."""
    await _follow(work, tools, fact, ENDED, TERMINATE)


async def restore(work: UnitOfWork, tools: Tools, fact: EntitlementRestored) -> None:
    """Its service is not over after all."""
    await _follow(work, tools, fact, VALID, RESTORE)


async def change(work: UnitOfWork, tools: Tools, fact: EntitlementChanged) -> None:
    """Its service becomes what the entitlement is to now."""
    resource = await _resource(work, fact.entitlement_id)
    if fact.version <= resource.change_version:
        return
    resource.change_version = fact.version
    wanted = {
        "plan_code": fact.plan_code,
        "plan_name": fact.plan_name,
        "configuration": fact.configuration or resource.configuration,
        "spec": fact.spec,
    }
    job = await _wish(work, tools, resource, Intent(CHANGE, _key(CHANGE, fact), SYSTEM, fact.reason, wanted))
    kind = tools.types.get(resource.product_type)
    refusal = kind.refuse_change(resource.spec, fact.spec) if kind is not None else None
    if job is not None and refusal is not None:
        await refuse(work, job, resource, refusal, work.clock.now())


_StateFact = EntitlementSuspended | EntitlementResumed | EntitlementEnded | EntitlementRestored


async def _follow(work: UnitOfWork, tools: Tools, fact: _StateFact, entitlement: str, intent: str) -> None:
    resource = await _resource(work, fact.entitlement_id)
    if not resource.follow(entitlement, fact.version):
        return
    if intent == TERMINATE and resource.provider is None:
        await end_at_once(work, resource, fact.reason, work.clock.now())
        return
    await _wish(work, tools, resource, Intent(intent, _key(intent, fact), SYSTEM, fact.reason))


async def _wish(work: UnitOfWork, tools: Tools, resource: Resource, intent: Intent) -> Job | None:
    if tools.types.get(resource.product_type) is None:
        resource.note("by_hand", at=work.clock.now(), by=SYSTEM, reason=f"To be done by hand: {intent.name}")
        return None
    try:
        return await intend(work, tools, resource, intent)
    except Refused as refused:
        # The entitlement's newest state is kept on the resource, so nothing is lost: what is pending says why.
        log.info("intent_comes_to_nothing", resource=resource.id, intent=intent.name, why=refused.detail)
        return None


async def _resource(work: UnitOfWork, entitlement_id: str) -> Resource:
    """Raises NotFound while its grant has not arrived: the fact waits and is tried again."""
    return await lock_resource(work, select(Resource).where(Resource.entitlement_id == entitlement_id), _NOT_YET)


def _key(intent: str, fact: _StateFact | EntitlementChanged) -> str:
    return f"{intent}:{fact.entitlement_id}:{fact.version}"
