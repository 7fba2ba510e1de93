"""What the clock asks for; each calls one use case."""

from services.identity.adapters.tables import plumbing
from services.identity.use_cases.describing import BATCH, describe_accounts
from services.identity.use_cases.forgetting import forget_what_is_over
from services.identity.use_cases.promises import INVARIANTS
from shared.database import Database
from shared.web.invariants import PromiseWatch
from shared.web.service import purge_plumbing
from shared.web.worker import ClockJob

_HOURLY = 3600.0


def clock_jobs(database: Database) -> tuple[ClockJob, ...]:
    """The jobs of identity."""

    async def forget() -> None:
        await forget_what_is_over(database)

    async def describe() -> None:
        while await database.run(describe_accounts) == BATCH:
            pass

    async def purge() -> None:
        await purge_plumbing(database, plumbing)

    return (
        ClockJob("describe_accounts", _HOURLY, describe),
        ClockJob("forget", _HOURLY, forget),
        ClockJob("purge", _HOURLY, purge),
        PromiseWatch("identity", database, INVARIANTS).job(),
    )
