"""An entitlement was granted: a resource, and the job that brings it into being."""

from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from services.provisioning.domain import BY_HAND, CREATE, SYSTEM, Job, JobPlan, Resource
from services.provisioning.product_types.base import LIFE_DEADLINE
from services.provisioning.use_cases.facts import resource_failed
from services.provisioning.use_cases.tools import Tools
from shared.contracts.catalog import EntitlementGranted
from shared.database import FailureClass, UnitOfWork
from shared.telemetry.tracing import current_traceparent

log = structlog.get_logger()

_BY_HAND_PLAN = JobPlan((), LIFE_DEADLINE, "Delivery started", "Delivered", "Delivery stopped")


async def deliver_entitlement(work: UnitOfWork, tools: Tools, fact: EntitlementGranted) -> None:
    """Makes the resource of an entitlement and its delivery, once however often the fact arrives."""
    if await _resource_of(work, fact.entitlement_id) is not None:
        return
    try:
        async with work.session.begin_nested():
            await _start_delivery(work, tools, fact)
    except IntegrityError:
        # The same fact arrived twice at this moment; the unique entitlement let one of the two through.
        if await _resource_of(work, fact.entitlement_id) is None:
            raise
        log.info("entitlement_delivered_already", entitlement=fact.entitlement_id)


async def _resource_of(work: UnitOfWork, entitlement_id: str) -> str | None:
    return await work.session.scalar(select(Resource.id).where(Resource.entitlement_id == entitlement_id))


async def _start_delivery(work: UnitOfWork, tools: Tools, fact: EntitlementGranted) -> None:
    now = work.clock.now()
    configuration = configuration_of(fact)
    resource = Resource.granted(
        entitlement_id=fact.entitlement_id,
        order_id=fact.order_id,
        account_id=fact.account_id,
        product_type=fact.product_type,
        plan=(fact.plan_code, fact.plan_name),
        name=fact.name or fact.hostname or str(configuration.get("hostname") or fact.plan_name),
        configuration=configuration,
        spec=fact.spec,
        version=fact.version,
        at=now,
    )
    plan = tools.types.plan(fact.product_type, CREATE)
    key = f"create:{fact.entitlement_id}"
    job = Job.planned(CREATE, plan or _BY_HAND_PLAN, resource, key=key, at=now, by=SYSTEM)
    job.trace = current_traceparent()
    if plan is None:
        reason = f"There is no connector that makes a {fact.product_type} yet; deliver it by hand"
        resource.message = BY_HAND
        job.state, job.failure_class, job.last_error = "dead", FailureClass.PERMANENT.value, reason
        job.finished_at = now
        work.publish(resource_failed(resource, reason))
    work.add(resource)
    await work.session.flush()
    work.add(job)
    await work.session.flush()
    work.wake("jobs")
    work.wake(f"timeline:{resource.id}")


def configuration_of(fact: EntitlementGranted) -> dict[str, Any]:
    """The unit's configuration; facts of versions before it named two fields of it."""
    if fact.configuration:
        return dict(fact.configuration)
    return {key: value for key, value in (("hostname", fact.hostname), ("template", fact.template)) if value}
