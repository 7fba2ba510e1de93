"""The facts this context publishes, from the rows they are about."""

from datetime import datetime
from typing import Any

from services.provisioning.domain import Resource
from services.provisioning.use_cases.tools import Tools
from shared.contracts.provisioning import (
    AttributeFact,
    ResourceActivated,
    ResourceChanged,
    ResourceFailed,
    ResourceResumed,
    ResourceSuspended,
    ResourceTerminated,
)


def resource_activated(tools: Tools, resource: Resource, at: datetime) -> ResourceActivated:
    """It runs and can be used."""
    kind = tools.types.get(resource.product_type)
    shown = kind.attributes(resource) if kind is not None else []
    return ResourceActivated(
        **_about(resource),
        product_type=resource.product_type,
        plan_name=resource.plan_name,
        ipv4=resource.attributes.get("ipv4"),
        attributes=tuple(AttributeFact(key=item.key, label=item.label, value=item.value) for item in shown),
        access=kind.access_lines(resource) if kind is not None else (),
        activated_at=at,
    )


def resource_failed(resource: Resource, reason: str) -> ResourceFailed:
    """It cannot be delivered without a person; `reason` is for staff."""
    return ResourceFailed(**_about(resource), reason=reason)


def resource_suspended(resource: Resource, reason: str) -> ResourceSuspended:
    """It was stopped and stays so."""
    return ResourceSuspended(**_about(resource), reason=reason)


def resource_resumed(resource: Resource) -> ResourceResumed:
    """It runs again."""
    return ResourceResumed(**_about(resource))


def resource_changed(resource: Resource) -> ResourceChanged:
    """It is what its changed right says."""
    return ResourceChanged(**_about(resource), plan_code=resource.plan_code)


def resource_terminated(resource: Resource, reason: str) -> ResourceTerminated:
    """It is over, and kept until its removal; gone when there is none to come."""
    return ResourceTerminated(**_about(resource), reason=reason, removed_at=resource.remove_at)


def _about(resource: Resource) -> dict[str, Any]:
    return {
        "resource_id": resource.id,
        "entitlement_id": resource.entitlement_id,
        "order_id": resource.order_id,
        "account_id": resource.account_id,
        "name": resource.name,
        "version": resource.version,
    }
