"""What the clock asks for; each calls one use case."""

from datetime import timedelta

from services.identity.adapters.tables import plumbing
from services.identity.use_cases.forgetting import forget_what_is_over
from shared.database import Database
from shared.web.idempotency import purge_keys
from shared.web.worker import ClockJob

_HOURLY = 3600.0
# Longer than any broker redelivers, so that a late repeat of a fact is still recognised.
_DONE_ROWS_KEPT = timedelta(days=14)


def clock_jobs(database: Database) -> tuple[ClockJob, ...]:
    """The jobs of identity."""

    async def forget() -> None:
        await database.run(forget_what_is_over)

    async def purge_plumbing() -> None:
        await purge_keys(database, plumbing.idempotency_keys)
        async with database.work() as work:
            for queue in (plumbing.outbox, plumbing.inbox):
                await queue.purge(work.session, _DONE_ROWS_KEPT)

    return (ClockJob("forget", _HOURLY, forget), ClockJob("purge_plumbing", _HOURLY, purge_plumbing))
