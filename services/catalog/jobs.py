"""What the clock asks for; each calls one use case."""

from services.catalog.use_cases.expire_orders import BATCH, expire_unpaid_orders
from services.catalog.use_cases.promises import INVARIANTS
from shared.database import Database
from shared.web.invariants import PromiseWatch
from shared.web.service import Plumbing, purge_plumbing
from shared.web.worker import ClockJob

_MINUTE = 60.0
_HOUR = 60 * _MINUTE


def clock_jobs(database: Database, plumbing: Plumbing) -> tuple[ClockJob, ...]:
    """The jobs of catalog's worker."""

    async def expire() -> None:
        while await database.run(expire_unpaid_orders) == BATCH:
            pass

    async def purge() -> None:
        await purge_plumbing(database, plumbing)

    return (
        ClockJob("expire_unpaid_orders", 5 * _MINUTE, expire),
        ClockJob("purge", _HOUR, purge),
        PromiseWatch("catalog", database, INVARIANTS).job(),
    )
