"""Facts that catalog publishes."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.base import Event

ProductType = Literal["vps", "hosting", "domain", "certificate"]
Interval = Literal["month", "year"]


class PlanPrice(BaseModel):
    """What a plan costs per interval in one currency; the set-up fee is charged once."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    price_id: str
    currency: str
    interval: Interval
    amount_minor: int
    setup_fee_minor: int


class PlanPublished(Event, wire_type="catalog.plan.published.v1", subject="plan_id"):
    """A plan can be bought at these prices; a later version replaces an earlier one."""

    plan_id: str
    code: str
    name: str
    description: str
    product_type: ProductType
    version: int
    prices: tuple[PlanPrice, ...]


class OrderCanceled(Event, wire_type="catalog.order.canceled.v1", subject="order_id"):
    """An unpaid order was given up: nobody may pay for it any more."""

    order_id: str
    account_id: str
    reason: str


class EntitlementGranted(Event, wire_type="catalog.entitlement.granted.v1", subject="entitlement_id"):
    """A paid item entitles its account to one running service of this kind."""

    entitlement_id: str
    order_id: str
    order_number: str
    item_id: str
    account_id: str
    product_type: ProductType
    plan_code: str
    plan_name: str
    hostname: str
    template: str
    spec: dict[str, Any]
    version: int
