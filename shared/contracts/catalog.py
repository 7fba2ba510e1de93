"""Facts that catalog publishes. Values that may grow are strings on the wire; their meaning is the consumer's."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.contracts.base import Event


class PlanPrice(BaseModel):
    """What a plan costs per interval in one currency; the set-up fee is charged once."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    price_id: str
    currency: str
    interval: str
    amount_minor: int
    setup_fee_minor: int


class PlanPublished(Event, wire_type="catalog.plan.published.v1", subject="plan_id"):
    """A plan can be bought at these prices; a later version replaces an earlier one."""

    plan_id: str
    code: str
    name: str
    description: str
    product_type: str
    version: int
    prices: tuple[PlanPrice, ...]


class OrderCanceled(Event, wire_type="catalog.order.canceled.v1", subject="order_id"):
    """An unpaid order was given up: nobody may pay for it any more."""

    order_id: str
    account_id: str
    reason: str


class ItemDelivered(Event, wire_type="catalog.item.delivered.v1", subject="item_id"):
    """Every unit of an order's item runs for the first time: its billing clock starts here."""

    item_id: str
    order_id: str
    account_id: str
    delivered_at: datetime


class EntitlementGranted(Event, wire_type="catalog.entitlement.granted.v1", subject="entitlement_id"):
    """A paid item entitles its account to one running service of this kind.

    `configuration` is the unit's own, as its product type defines it; `name` is what the unit is called. `hostname` and
    `template` are what versions before `configuration` read.
    """

    entitlement_id: str
    order_id: str
    order_number: str
    item_id: str
    account_id: str
    product_type: str
    plan_code: str
    plan_name: str
    hostname: str = ""
    template: str = ""
    name: str = ""
    configuration: dict[str, Any] = {}
    spec: dict[str, Any]
    version: int


class EntitlementSuspended(Event, wire_type="catalog.entitlement.suspended.v1", subject="entitlement_id"):
    """The right is suspended: its service must stop and stay stopped. `reason` may be shown to the customer."""

    entitlement_id: str
    order_id: str
    item_id: str
    account_id: str
    reason: str
    version: int


class EntitlementResumed(Event, wire_type="catalog.entitlement.resumed.v1", subject="entitlement_id"):
    """The right is whole again: its service may run."""

    entitlement_id: str
    order_id: str
    item_id: str
    account_id: str
    reason: str
    version: int


class EntitlementChanged(Event, wire_type="catalog.entitlement.changed.v1", subject="entitlement_id"):
    """The right is to something else now: another plan or other options of the same type."""

    entitlement_id: str
    order_id: str
    item_id: str
    account_id: str
    plan_code: str
    plan_name: str
    configuration: dict[str, Any]
    spec: dict[str, Any]
    reason: str
    version: int


class EntitlementEnded(Event, wire_type="catalog.entitlement.ended.v1", subject="entitlement_id"):
    """The right is over: its service is ended, and removed after its grace unless the right is restored."""

    entitlement_id: str
    order_id: str
    item_id: str
    account_id: str
    reason: str
    version: int


class EntitlementRestored(Event, wire_type="catalog.entitlement.restored.v1", subject="entitlement_id"):
    """A right that was over is valid again, within the grace of its service."""

    entitlement_id: str
    order_id: str
    item_id: str
    account_id: str
    reason: str
    version: int
