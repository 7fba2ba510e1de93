"""What happens to a service later on, told to its owner: it was suspended, runs again, has ended, was not paid for."""

from services.support.use_cases.contacts import reach_of
from services.support.use_cases.notifying import notify
from shared.contracts.billing import SubscriptionPastDue
from shared.contracts.provisioning import ResourceResumed, ResourceSuspended, ResourceTerminated
from shared.database import UnitOfWork


async def tell_suspended(work: UnitOfWork, event: ResourceSuspended) -> None:
    """The service was stopped; the reason is one its owner may read."""
    await _tell(work, event, "service_suspended", {"reason": event.reason})


async def tell_resumed(work: UnitOfWork, event: ResourceResumed) -> None:
    """The service runs again."""
    await _tell(work, event, "service_resumed", {})


async def tell_terminated(work: UnitOfWork, event: ResourceTerminated) -> None:
    """The service has ended, and until when its data is kept; that it is gone at last is no news worth a mail."""
    if event.removed_at is not None:
        await _tell(work, event, "service_ended", {"kept_until": event.removed_at.isoformat()})


async def tell_past_due(work: UnitOfWork, event: SubscriptionPastDue) -> None:
    """A renewal could not be charged: what to do, once per failure."""
    contact = await reach_of(work, event.account_id)
    await notify(
        work,
        f"past-due:{event.subscription_id}:{event.failed_at:%Y%m%dT%H%M%S}",
        "payment_past_due",
        recipient=contact.email,
        name=contact.name,
        context={"order_id": event.order_id, "message": event.message},
    )


async def _tell(
    work: UnitOfWork,
    event: ResourceSuspended | ResourceResumed | ResourceTerminated,
    template: str,
    context: dict[str, str],
) -> None:
    contact = await reach_of(work, event.account_id)
    await notify(
        work,
        f"{template}:{event.resource_id}:{event.version}",
        template,
        recipient=contact.email,
        name=contact.name,
        context={"service_id": event.resource_id, "service_name": event.name, **context},
    )
