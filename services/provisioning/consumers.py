"""What this context does when others' facts arrive; each calls one use case."""

from services.provisioning.adapters.tables import timers
from services.provisioning.use_cases.deliver import deliver_entitlement
from shared.contracts.billing import ClockMoved
from shared.contracts.catalog import EntitlementGranted
from shared.database import UnitOfWork
from shared.messaging import Handlers


async def _clock_moved(work: UnitOfWork, event: ClockMoved) -> None:
    await timers.move_clock(work, event.account_id, event.offset_seconds, event.moved_at)


def handlers() -> Handlers:
    """Fact → use case."""
    return {EntitlementGranted: deliver_entitlement, ClockMoved: _clock_moved}
