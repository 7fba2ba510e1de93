"""What this context does when others' facts arrive; each calls one use case."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.provisioning.adapters.tables import timers
from services.provisioning.use_cases import follow_entitlement
from services.provisioning.use_cases.customers import remember_customer
from services.provisioning.use_cases.deliver import deliver_entitlement
from services.provisioning.use_cases.tools import Tools
from shared.contracts.base import Event
from shared.contracts.billing import ClockMoved
from shared.contracts.catalog import (
    EntitlementChanged,
    EntitlementEnded,
    EntitlementGranted,
    EntitlementRestored,
    EntitlementResumed,
    EntitlementSuspended,
)
from shared.contracts.identity import AccountDescribed
from shared.database import UnitOfWork
from shared.messaging import Handlers

Fact = TypeVar("Fact", bound=Event)


async def _clock_moved(work: UnitOfWork, event: ClockMoved) -> None:
    await timers.move_clock(work, event.account_id, event.offset_seconds, event.moved_at)


def handlers(tools: Tools) -> Handlers:
    """Fact → use case."""

    def using(
        handle: Callable[[UnitOfWork, Tools, Fact], Awaitable[None]],
    ) -> Callable[[UnitOfWork, Fact], Awaitable[None]]:
        return lambda work, fact: handle(work, tools, fact)

    return {
        EntitlementGranted: using(deliver_entitlement),
        EntitlementSuspended: using(follow_entitlement.suspend),
        EntitlementResumed: using(follow_entitlement.resume),
        EntitlementChanged: using(follow_entitlement.change),
        EntitlementEnded: using(follow_entitlement.end),
        EntitlementRestored: using(follow_entitlement.restore),
        AccountDescribed: remember_customer,
        ClockMoved: _clock_moved,
    }
