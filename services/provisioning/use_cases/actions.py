"""A customer or staff ask for an action of a service's own: start, stop, restart and the like."""

from sqlalchemy import Select, select

from services.provisioning.domain import VALID, Job, Resource
from services.provisioning.use_cases.intend import Intent, intend, lock_resource
from services.provisioning.use_cases.run_job import held_off_reason
from services.provisioning.use_cases.tools import Tools
from shared.database import UnitOfWork
from shared.kernel import Conflict, Principal

_MISSING = "There is no such service."


async def request_action(
    work: UnitOfWork,
    tools: Tools,
    caller: Principal,
    resource_id: str,
    action: str,
    *,
    request: str,
    offered_only: bool = False,
) -> Job:
    """Queues an action of the caller's own service; `request` names the caller's request, and the same one makes no
    second job. `offered_only`: refuses what would change nothing now.

    Raises NotFound, or Conflict: service-not-active unless the service is active, action-in-progress while something
    else is pending, not-offered for what its product type does not offer (now).
    """
    owned = select(Resource).where(Resource.id == resource_id, Resource.account_id == caller.account_id)
    return await _request(work, tools, owned, action, request=request, by=caller.subject, offered_only=offered_only)


async def request_action_by_staff(
    work: UnitOfWork, tools: Tools, caller: Principal, resource_id: str, action: str, *, request: str, reason: str
) -> Job:
    """The same for any service, with the reason kept. Raises as `request_action`."""
    every = select(Resource).where(Resource.id == resource_id)
    return await _request(work, tools, every, action, request=request, by=caller.subject, reason=reason)


async def _request(
    work: UnitOfWork,
    tools: Tools,
    wanted: Select[Resource],
    action: str,
    *,
    request: str,
    by: str,
    reason: str | None = None,
    offered_only: bool = False,
) -> Job:
    resource = await lock_resource(work, wanted, _MISSING)
    key = f"power:{resource.id}:{action}:{request}"
    earlier = await work.session.scalar(select(Job).where(Job.idempotency_key == key))
    if earlier is not None:
        return earlier
    if resource.status != "active" or resource.entitlement != VALID:
        raise Conflict(
            f"{held_off_reason(resource)}; only an active service can be acted on.", slug="service-not-active"
        )
    kind = tools.types.get(resource.product_type)
    if kind is None or action not in kind.actions:
        raise Conflict(f"A {resource.product_type} has no action {action}.", slug="not-offered")
    if offered_only and action not in {offer.name for offer in kind.offered(resource)}:
        raise Conflict(f"{kind.actions[action].label} changes nothing: it is {resource.power}.", slug="not-offered")
    return await intend(work, tools, resource, Intent(action, key, by, reason))
