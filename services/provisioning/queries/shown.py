"""Resources as they are shown: one word for their state, what their product type tells, and what can be done now."""

from collections.abc import Mapping

from services.provisioning.domain import BY_HAND, CREATE, VALID, Resource
from services.provisioning.product_types import ProductTypes
from shared.contracts.reads.base import CustomerRef
from shared.contracts.reads.provisioning import AccessView, ActionView, PlanRef, ServiceView, StaffServiceView

# What staff may ask of catalog, by what the service is now.
_LIFE: Mapping[str, tuple[ActionView, ...]] = {
    "active": (
        ActionView(name="suspend", label="Suspend", danger=True, confirm="Stop this service and keep it stopped?"),
        ActionView(name="terminate", label="End", danger=True, confirm="End this service?"),
    ),
    "suspended": (
        ActionView(name="resume", label="Resume"),
        ActionView(name="terminate", label="End", danger=True, confirm="End this service?"),
    ),
    "failed": (ActionView(name="terminate", label="End", danger=True, confirm="End this service?"),),
    "terminated": (ActionView(name="restore", label="Restore"),),
}
_AT_REST = {"suspended": "suspended", "terminated": "ended", "removed": "ended", "failed": "needs_us"}


def service_view(types: ProductTypes, resource: Resource) -> ServiceView:
    """A resource as its owner sees it; needs `pending` loaded."""
    kind = types.get(resource.product_type)
    return ServiceView(
        id=resource.id,
        name=resource.name,
        product_type=resource.product_type,
        plan=PlanRef(code=resource.plan_code, name=resource.plan_name),
        status=resource.status,
        power=resource.power,
        state=state_of(resource),
        order_id=resource.order_id,
        entitlement_id=resource.entitlement_id,
        address=resource.address,
        attributes=kind.attributes(resource) if kind is not None else [],
        actions=offered(types, resource),
        spec=resource.spec,
        configuration=resource.configuration,
        created_at=resource.created_at,
        activated_at=resource.activated_at,
        delayed=resource.delayed,
        message=resource.message,
        pending_action=resource.pending_action,
    )


def staff_view(types: ProductTypes, resource: Resource) -> StaffServiceView:
    """A resource as staff see it; needs `customer` loaded too."""
    life = () if resource.pending else _LIFE.get(resource.status, ())
    return StaffServiceView(
        **service_view(types, resource).model_dump(),
        customer=customer_of(resource),
        provider=resource.provider,
        external_ref=resource.external_ref,
        missing_since=resource.missing_since,
        version=resource.version,
        staff_actions=[*offered(types, resource), *life],
    )


def customer_of(resource: Resource) -> CustomerRef:
    """Whose it is, as far as identity has told us."""
    customer = resource.customer
    return CustomerRef(
        account_id=resource.account_id,
        name=customer.name if customer is not None else None,
        email=customer.email if customer is not None else None,
    )


def offered(types: ProductTypes, resource: Resource) -> list[ActionView]:
    """What its owner can do with it at this moment."""
    kind = types.get(resource.product_type)
    free = resource.status == "active" and resource.entitlement == VALID and not resource.pending
    return kind.offered(resource) if kind is not None and free else []


def access_of(types: ProductTypes, resource: Resource) -> AccessView | None:
    """How its owner gets in, once there is something to get into; needs `secret` loaded."""
    kind = types.get(resource.product_type)
    if kind is None or resource.status not in ("active", "suspended"):
        return None
    kept = resource.secret is not None and resource.secret.shown_at is None
    waiting = kept and resource.status == "active"
    return kind.access(resource, password_waiting=waiting)


def state_of(resource: Resource) -> str:
    """The one word to show; needs `pending` loaded."""
    if resource.status in _AT_REST and not resource.pending:
        return _AT_REST[resource.status]
    if resource.missing_since is not None or resource.message == BY_HAND:
        return "needs_us"
    if resource.delayed:
        return "delayed"
    if resource.status in ("pending", "provisioning", "failed"):
        return "setting_up" if resource.status != "failed" else "needs_us"
    if any(job.intent != CREATE for job in resource.pending):
        return "working"
    return {"stopped": "stopped", "unknown": "needs_us"}.get(resource.power or "", "running")
