"""What the clock asks for; each calls one use case."""

from datetime import timedelta

from services.catalog.use_cases.expire_orders import BATCH, expire_unpaid_orders
from shared.database import Database
from shared.web.idempotency import purge_keys
from shared.web.service import Plumbing
from shared.web.worker import ClockJob

# An event id must be remembered for as long as its fact may be delivered again.
INBOX_KEPT = timedelta(days=35)
OUTBOX_KEPT = timedelta(days=7)
_MINUTE = 60.0
_HOUR = 60 * _MINUTE


def clock_jobs(database: Database, plumbing: Plumbing) -> tuple[ClockJob, ...]:
    """The jobs of catalog's worker."""

    async def expire() -> None:
        while await database.run(expire_unpaid_orders) == BATCH:
            pass

    async def purge() -> None:
        async with database.work() as work:
            await plumbing.outbox.purge(work.session, OUTBOX_KEPT)
            await plumbing.inbox.purge(work.session, INBOX_KEPT)
        await purge_keys(database, plumbing.idempotency_keys)

    return (
        ClockJob("expire_unpaid_orders", 5 * _MINUTE, expire),
        ClockJob("purge", _HOUR, purge),
    )
