"""What the clock asks for; each calls one use case."""

from services.catalog.adapters.tables import timers
from services.catalog.use_cases.expire_orders import BATCH, expire_unpaid_orders
from services.catalog.use_cases.promises import INVARIANTS
from shared.database import TIMERS_KEPT, Database, TimerHandler, purge_done
from shared.web.invariants import PromiseWatch
from shared.web.service import Plumbing, purge_plumbing
from shared.web.worker import ClockJob

_MINUTE = 60.0
_HOUR = 60 * _MINUTE


def timer_handlers() -> dict[str, TimerHandler]:
    """What is due at a moment of business time: kind of timer → use case."""
    return {}


def clock_jobs(database: Database, plumbing: Plumbing) -> tuple[ClockJob, ...]:
    """The jobs of catalog's worker."""

    async def expire() -> None:
        while await database.run(expire_unpaid_orders) == BATCH:
            pass

    async def purge() -> None:
        await purge_plumbing(database, plumbing)
        await purge_done(database, timers.queue, TIMERS_KEPT)

    return (
        ClockJob("expire_unpaid_orders", 5 * _MINUTE, expire),
        ClockJob("purge", _HOUR, purge),
        PromiseWatch("catalog", database, INVARIANTS).job(),
    )
