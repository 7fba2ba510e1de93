"""What the clock asks for; each calls one use case."""

from services.support.adapters.tables import plumbing
from services.support.use_cases.forgetting import forget_sent_mails
from services.support.use_cases.promises import INVARIANTS
from shared.database import Database
from shared.web.invariants import PromiseWatch
from shared.web.service import purge_plumbing
from shared.web.worker import ClockJob

_HOURLY = 3600.0


def clock_jobs(database: Database) -> tuple[ClockJob, ...]:
    """The jobs of support."""

    async def forget() -> None:
        await forget_sent_mails(database)

    async def purge() -> None:
        await purge_plumbing(database, plumbing)

    return (
        ClockJob("forget", _HOURLY, forget),
        ClockJob("purge", _HOURLY, purge),
        PromiseWatch("support", database, INVARIANTS).job(),
    )
