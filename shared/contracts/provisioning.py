"""Facts that provisioning publishes about what really runs."""

from datetime import datetime

from shared.contracts.base import Event
from shared.contracts.catalog import ProductType


class ResourceActivated(Event, wire_type="provisioning.resource.activated.v1", subject="resource_id"):
    """The service exists at its provider, was seen running, and can be used."""

    resource_id: str
    entitlement_id: str
    order_id: str
    account_id: str
    product_type: ProductType
    plan_name: str
    name: str
    ipv4: str | None
    version: int
    activated_at: datetime


class ResourceFailed(Event, wire_type="provisioning.resource.failed.v1", subject="resource_id"):
    """The service could not be delivered automatically; staff must act. `reason` is for staff."""

    resource_id: str
    entitlement_id: str
    order_id: str
    account_id: str
    name: str
    reason: str
    version: int
