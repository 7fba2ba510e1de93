"""The facts this context publishes, from the rows they are about."""

from datetime import datetime

from services.provisioning.domain import Resource
from shared.contracts.provisioning import ResourceActivated, ResourceFailed


def resource_activated(resource: Resource, at: datetime) -> ResourceActivated:
    """It runs and can be used."""
    return ResourceActivated(
        resource_id=resource.id,
        entitlement_id=resource.entitlement_id,
        order_id=resource.order_id,
        account_id=resource.account_id,
        product_type=resource.product_type,
        plan_name=resource.plan_name,
        name=resource.name,
        ipv4=resource.ipv4,
        version=resource.version,
        activated_at=at,
    )


def resource_failed(resource: Resource, reason: str) -> ResourceFailed:
    """It cannot be delivered without a person; `reason` is for staff."""
    return ResourceFailed(
        resource_id=resource.id,
        entitlement_id=resource.entitlement_id,
        order_id=resource.order_id,
        account_id=resource.account_id,
        name=resource.name,
        reason=reason,
        version=resource.version,
    )
