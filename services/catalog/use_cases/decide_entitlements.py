"""Staff decide what becomes of one entitlement; provisioning obeys. Each decision is safe to repeat."""

from sqlalchemy import select

from services.catalog.domain import Entitlement, Plan
from services.catalog.product_types import ProductTypes
from services.catalog.use_cases.entitlement_facts import Decision, tell_changed, tell_decided, tell_delivered
from services.catalog.use_cases.loading import locked_entitlement, order_changed
from shared.contracts.catalog import EntitlementEnded, EntitlementRestored, EntitlementResumed, EntitlementSuspended
from shared.database import UnitOfWork
from shared.kernel import Conflict, FieldError, Invalid

DECISIONS: dict[str, Decision] = {
    "suspend": EntitlementSuspended,
    "resume": EntitlementResumed,
    "end": EntitlementEnded,
    "restore": EntitlementRestored,
}


async def decide(work: UnitOfWork, verb: str, *, entitlement_id: str, reason: str) -> Entitlement:
    """Suspends, resumes, ends or restores (`verb`) an entitlement. `reason` may be shown to the customer.

    Raises NotFound, and IllegalMove where the verb makes no sense.
    """
    order, right = await locked_entitlement(work, entitlement_id)
    now = work.clock.now()
    if getattr(right, verb)(at=now, by=work.actor, reason=reason):
        tell_decided(work, DECISIONS[verb], right, reason)
        # A unit that ended before it ever ran no longer keeps the others waiting.
        tell_delivered(work, order)
        order.fulfill_when_all_run(at=now, by=work.actor)
        order_changed(work, order)
    return right


async def change(
    work: UnitOfWork, types: ProductTypes, *, entitlement_id: str, plan_code: str, reason: str
) -> Entitlement:
    """Puts an entitlement onto another plan of its type. What is charged stays as it is.

    Raises NotFound, Invalid for a plan that is not on sale or of another type, and Conflict (`plan-does-not-fit`).
    """
    order, right = await locked_entitlement(work, entitlement_id)
    found = await work.session.execute(select(Plan).where(Plan.code == plan_code, Plan.is_published()))
    plan = found.scalar_one_or_none()
    if plan is None or plan.product_type != right.product_type:
        words = "There is no such plan." if plan is None else f"{plan.name} is not a plan for this: its type differs."
        raise Invalid(words, errors=(FieldError("/plan", words),))
    product_type = types.get(right.product_type)
    refused = product_type.change_refused(right.spec, plan.spec) if product_type is not None else None
    if refused is not None:
        raise Conflict(refused, slug="plan-does-not-fit")
    if right.change(plan, at=work.clock.now(), by=work.actor, reason=reason):
        tell_changed(work, right, reason)
        order_changed(work, order)
    return right
