"""Facts that provisioning publishes about what really runs."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from shared.contracts.base import Event


class AttributeFact(BaseModel):
    """Something its product type tells of a service: an address, say."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    key: str
    label: str
    value: str


class ResourceActivated(Event, wire_type="provisioning.resource.activated.v1", subject="resource_id"):
    """The service exists at its provider, was seen running, and can be used.

    `access` says how to get in, in lines for a mail; `ipv4` is what versions before `attributes` read.
    """

    resource_id: str
    entitlement_id: str
    order_id: str
    account_id: str
    product_type: str
    plan_name: str
    name: str
    ipv4: str | None = None
    attributes: tuple[AttributeFact, ...] = ()
    access: tuple[str, ...] = ()
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


class ResourceSuspended(Event, wire_type="provisioning.resource.suspended.v1", subject="resource_id"):
    """The service was stopped and cannot be started until it is resumed."""

    resource_id: str
    entitlement_id: str
    order_id: str
    account_id: str
    name: str
    reason: str
    version: int


class ResourceResumed(Event, wire_type="provisioning.resource.resumed.v1", subject="resource_id"):
    """The service runs again after a suspension, or after it was restored."""

    resource_id: str
    entitlement_id: str
    order_id: str
    account_id: str
    name: str
    version: int


class ResourceChanged(Event, wire_type="provisioning.resource.changed.v1", subject="resource_id"):
    """The service is really what its changed right says."""

    resource_id: str
    entitlement_id: str
    order_id: str
    account_id: str
    name: str
    plan_code: str
    version: int


class ResourceTerminated(Event, wire_type="provisioning.resource.terminated.v1", subject="resource_id"):
    """The service is ended. Its data is kept until `removed_at`; null means it is gone."""

    resource_id: str
    entitlement_id: str
    order_id: str
    account_id: str
    name: str
    reason: str
    removed_at: datetime | None
    version: int
