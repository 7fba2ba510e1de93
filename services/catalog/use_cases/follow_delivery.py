"""What provisioning reports about the services an order paid for."""

from services.catalog.domain import Entitlement, Order
from services.catalog.use_cases.entitlement_facts import tell_delivered
from services.catalog.use_cases.loading import entitlement_of, locked_order, order_changed
from shared.contracts.provisioning import (
    ResourceActivated,
    ResourceChanged,
    ResourceFailed,
    ResourceResumed,
    ResourceSuspended,
    ResourceTerminated,
)
from shared.database import UnitOfWork
from shared.kernel import rfc3339

_PROVISIONING = "service:provisioning"
_FAILED = "delivery_failed"
Reported = (
    ResourceActivated | ResourceChanged | ResourceFailed | ResourceResumed | ResourceSuspended | ResourceTerminated
)


async def on_resource_activated(work: UnitOfWork, event: ResourceActivated) -> None:
    """A service runs. When all of an order's services do, the order is fulfilled."""
    order, right = await _find(work, event)
    now = work.clock.now()
    if right.activate(event.resource_id, activated_at=event.activated_at, at=now, by=_PROVISIONING):
        if all(other.status != "delayed" for other in order.entitlements):
            order.unflag(_FAILED)
        tell_delivered(work, order)
        order.fulfill_when_all_run(at=now, by=_PROVISIONING)
    elif right.service_id != event.resource_id:
        _second_service(work, order, right, event.resource_id)
    order_changed(work, order)


async def on_resource_failed(work: UnitOfWork, event: ResourceFailed) -> None:
    """A service could not be delivered without help. The order stays paid; its timeline says that we are on it."""
    order, right = await _find(work, event)
    if right.fail(event.resource_id, event.reason, at=work.clock.now(), by=_PROVISIONING):
        order.flag(_FAILED)
        order_changed(work, order)


async def on_resource_suspended(work: UnitOfWork, event: ResourceSuspended) -> None:
    """A service was stopped."""
    await _note(work, event, "service_suspended", event.reason)


async def on_resource_resumed(work: UnitOfWork, event: ResourceResumed) -> None:
    """A service runs again."""
    await _note(work, event, "service_resumed", None)


async def on_resource_changed(work: UnitOfWork, event: ResourceChanged) -> None:
    """A service is what its changed right says."""
    await _note(work, event, "service_changed", None, plan_code=event.plan_code)


async def on_resource_terminated(work: UnitOfWork, event: ResourceTerminated) -> None:
    """A service is ended; its data may be kept for a while."""
    removed_at = rfc3339(event.removed_at) if event.removed_at is not None else None
    await _note(work, event, "service_terminated", event.reason, removed_at=removed_at)


async def _note(work: UnitOfWork, event: Reported, what: str, reason: str | None, **detail: str | None) -> None:
    order, right = await _find(work, event)
    detail["service_id"] = event.resource_id
    right.note(what, at=work.clock.now(), by=_PROVISIONING, reason=reason, detail=detail)
    order_changed(work, order)


async def _find(work: UnitOfWork, event: Reported) -> tuple[Order, Entitlement]:
    order = await locked_order(work, event.order_id, event.account_id)
    return order, entitlement_of(order, event.entitlement_id)


def _second_service(work: UnitOfWork, order: Order, right: Entitlement, resource_id: str) -> None:
    """One entitlement, one service: that another one reports for it must never happen, so staff must see it."""
    if "second_service" not in order.attention:
        order.flag("second_service")
        order.note(
            "second_service",
            at=work.clock.now(),
            by=_PROVISIONING,
            reason=f"{resource_id} reports for {right.id}, which {right.service_id} serves",
        )
