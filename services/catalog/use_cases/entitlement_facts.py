"""What the others are told about an entitlement."""

from typing import Any

from services.catalog.domain import Entitlement, Order, OrderItem
from services.catalog.domain.deliveries import newly_delivered
from shared.contracts.catalog import (
    EntitlementChanged,
    EntitlementEnded,
    EntitlementGranted,
    EntitlementRestored,
    EntitlementResumed,
    EntitlementSuspended,
    ItemDelivered,
)
from shared.database import UnitOfWork

Decision = type[EntitlementSuspended] | type[EntitlementResumed] | type[EntitlementEnded] | type[EntitlementRestored]


def tell_granted(work: UnitOfWork, order: Order, item: OrderItem, right: Entitlement) -> None:
    """One unit of a paid item may be delivered."""
    work.publish(
        EntitlementGranted(
            entitlement_id=right.id,
            order_id=order.id,
            order_number=order.number,
            item_id=item.id,
            account_id=order.account_id,
            product_type=right.product_type,
            plan_code=right.plan_code,
            plan_name=right.plan_name,
            # What versions before `configuration` read; they know servers only.
            hostname=str(right.configuration.get("hostname", "")),
            template=str(right.configuration.get("template", "")),
            name=right.name,
            configuration=right.configuration,
            spec=right.spec,
            version=right.version,
        )
    )


def tell_decided(work: UnitOfWork, decision: Decision, right: Entitlement, reason: str) -> None:
    """An entitlement was suspended, resumed, ended or restored."""
    work.publish(decision(**_facts(right, reason)))


def tell_changed(work: UnitOfWork, right: Entitlement, reason: str) -> None:
    """An entitlement is to something else now."""
    work.publish(
        EntitlementChanged(
            **_facts(right, reason),
            plan_code=right.plan_code,
            plan_name=right.plan_name,
            configuration=right.configuration,
            spec=right.spec,
        )
    )


def tell_delivered(work: UnitOfWork, order: Order) -> None:
    """The items of which every unit has run by now; each is told once."""
    for item in newly_delivered(order):
        assert item.delivered_at is not None
        work.publish(
            ItemDelivered(
                item_id=item.id, order_id=order.id, account_id=order.account_id, delivered_at=item.delivered_at
            )
        )


def _facts(right: Entitlement, reason: str) -> dict[str, Any]:
    return {
        "entitlement_id": right.id,
        "order_id": right.order_id,
        "item_id": right.item_id,
        "account_id": right.account_id,
        "reason": reason,
        "version": right.version,
    }
