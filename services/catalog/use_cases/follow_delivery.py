"""What provisioning reports about the services an order paid for."""

from services.catalog.domain import Entitlement, Order
from services.catalog.use_cases.loading import locked_order, order_changed
from shared.contracts.provisioning import ResourceActivated, ResourceFailed
from shared.database import UnitOfWork
from shared.kernel import NotFound

_PROVISIONING = "service:provisioning"
_FAILED = "delivery_failed"


async def on_resource_activated(work: UnitOfWork, event: ResourceActivated) -> None:
    """A service runs. When all of an order's services do, the order is fulfilled."""
    order, entitlement = await _find(work, event)
    now = work.clock.now()
    if entitlement.activate(event.resource_id, at=now, by=_PROVISIONING):
        if all(other.status != "delayed" for other in order.entitlements):
            order.unflag(_FAILED)
        order.fulfill_when_all_run(at=now, by=_PROVISIONING)
    elif entitlement.service_id != event.resource_id:
        _second_service(work, order, entitlement, event.resource_id)
    order_changed(work, order)


async def on_resource_failed(work: UnitOfWork, event: ResourceFailed) -> None:
    """A service could not be delivered without help. The order stays paid; its timeline says that we are on it."""
    order, entitlement = await _find(work, event)
    if entitlement.fail(event.resource_id, event.reason, at=work.clock.now(), by=_PROVISIONING):
        order.flag(_FAILED)
        order_changed(work, order)


async def _find(work: UnitOfWork, event: ResourceActivated | ResourceFailed) -> tuple[Order, Entitlement]:
    order = await locked_order(work, event.order_id, event.account_id)
    for entitlement in order.entitlements:
        if entitlement.id == event.entitlement_id:
            return order, entitlement
    raise NotFound(f"{event.order_id} has no entitlement {event.entitlement_id}")


def _second_service(work: UnitOfWork, order: Order, entitlement: Entitlement, resource_id: str) -> None:
    """One entitlement, one service: that another one reports for it must never happen, so staff must see it."""
    if "second_service" not in order.attention:
        order.flag("second_service")
        order.note(
            "second_service",
            at=work.clock.now(),
            by=_PROVISIONING,
            reason=f"{resource_id} reports for {entitlement.id}, which {entitlement.service_id} serves",
        )
