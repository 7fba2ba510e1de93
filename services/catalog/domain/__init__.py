"""Rules and lifecycles of catalog; no session, no network, no clock of its own."""

from services.catalog.domain.base import SCHEMA, Base
from services.catalog.domain.customers import Customer
from services.catalog.domain.entitlements import ENTITLEMENT, Entitlement, EntitlementHistory
from services.catalog.domain.order_items import Described, OrderItem
from services.catalog.domain.order_states import ORDER
from services.catalog.domain.orders import Order, OrderHistory
from services.catalog.domain.payments import Outcome, Particulars, Payment
from services.catalog.domain.plans import PLAN, Plan, PlanGroup, PlanHistory, Price

__all__ = [
    "ENTITLEMENT",
    "ORDER",
    "PLAN",
    "SCHEMA",
    "Base",
    "Customer",
    "Described",
    "Entitlement",
    "EntitlementHistory",
    "Order",
    "OrderHistory",
    "OrderItem",
    "Outcome",
    "Particulars",
    "Payment",
    "Plan",
    "PlanGroup",
    "PlanHistory",
    "Price",
]
