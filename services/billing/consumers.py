"""What this context does when others' facts arrive; each calls one use case."""

from services.billing.use_cases.close_order import close_order
from services.billing.use_cases.follow_items import follow_delivery, follow_unit
from services.billing.use_cases.remember_payer import remember_payer
from services.billing.use_cases.sync_plan import sync_plan
from shared.contracts.catalog import (
    EntitlementEnded,
    EntitlementRestored,
    ItemDelivered,
    OrderCanceled,
    PlanPublished,
)
from shared.contracts.identity import UserRegistered
from shared.database import UnitOfWork
from shared.messaging import Handlers


async def _order_canceled(work: UnitOfWork, event: OrderCanceled) -> None:
    await close_order(work, event.order_id)


def handlers() -> Handlers:
    """Every fact billing listens to."""
    return {
        UserRegistered: remember_payer,
        PlanPublished: sync_plan,
        OrderCanceled: _order_canceled,
        ItemDelivered: follow_delivery,
        EntitlementEnded: follow_unit,
        EntitlementRestored: follow_unit,
    }
