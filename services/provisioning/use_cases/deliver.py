"""An entitlement was granted: a resource, and the job that brings it into being."""

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from services.provisioning.domain import BY_HAND, CREATE, SYSTEM, Job, Resource
from services.provisioning.use_cases.facts import resource_failed
from shared.contracts.catalog import EntitlementGranted
from shared.database import FailureClass, UnitOfWork
from shared.telemetry.tracing import current_traceparent

log = structlog.get_logger()


async def deliver_entitlement(work: UnitOfWork, fact: EntitlementGranted) -> None:
    """Makes the resource of an entitlement and its delivery, once however often the fact arrives."""
    if await _resource_of(work, fact.entitlement_id) is not None:
        return
    try:
        async with work.session.begin_nested():
            await _start_delivery(work, fact)
    except IntegrityError:
        # The same fact arrived twice at this moment; the unique entitlement let one of the two through.
        if await _resource_of(work, fact.entitlement_id) is None:
            raise
        log.info("entitlement_delivered_already", entitlement=fact.entitlement_id)


async def _resource_of(work: UnitOfWork, entitlement_id: str) -> str | None:
    return await work.session.scalar(select(Resource.id).where(Resource.entitlement_id == entitlement_id))


async def _start_delivery(work: UnitOfWork, fact: EntitlementGranted) -> None:
    now = work.clock.now()
    resource = Resource.granted(
        entitlement_id=fact.entitlement_id,
        order_id=fact.order_id,
        account_id=fact.account_id,
        product_type=fact.product_type,
        plan=(fact.plan_code, fact.plan_name),
        name=fact.hostname,
        template=fact.template,
        spec=fact.spec,
        at=now,
    )
    job = Job.planned(CREATE, resource, key=f"create:{fact.entitlement_id}", at=now, by=SYSTEM)
    job.trace = current_traceparent()
    if resource.provider is None:
        reason = f"There is no connector that makes a {fact.product_type} yet; deliver it by hand"
        resource.message = BY_HAND
        job.state, job.failure_class, job.last_error = "dead", FailureClass.PERMANENT.value, reason
        job.finished_at, job.steps = now, []
        work.publish(resource_failed(resource, reason))
    work.add(resource)
    await work.session.flush()
    work.add(job)
    await work.session.flush()
    work.wake("jobs")
    work.wake(f"timeline:{resource.id}")
