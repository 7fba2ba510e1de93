"""What the clock asks for: the first provider, deadlines, removals, drift, cleaning up."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from services.provisioning.adapters.providers import ProviderPool
from services.provisioning.adapters.tables import plumbing, timers
from services.provisioning.jobs.drift import Differences, compare_all
from services.provisioning.use_cases.deadlines import expire_overdue
from services.provisioning.use_cases.promises import promise_watch
from services.provisioning.use_cases.providers import ProviderFields, seed_provider
from services.provisioning.use_cases.removal import begin_removals
from services.provisioning.use_cases.tools import Tools
from shared.database import TIMERS_KEPT, Database, TimerHandler, purge_done
from shared.web.service import purge_plumbing
from shared.web.worker import ClockJob

log = structlog.get_logger()

_ACTIONS_KEPT = timedelta(days=90)
FIRST_PROVIDER = "proxmox"


def timer_handlers() -> dict[str, TimerHandler]:
    """What is due at a moment of business time: kind of timer → use case."""
    return {}


def clock_jobs(
    database: Database,
    tools: Tools,
    pool: ProviderPool,
    first: ProviderFields | None,
    *,
    follow: bool = False,
) -> Sequence[ClockJob]:
    """`first` is the provider of the environment's settings, which becomes a row; `follow`: see `seed_provider`."""
    watch = promise_watch(database)
    different: dict[str, Differences] = {}

    async def providers() -> None:
        if first is not None:
            await database.run(lambda work: seed_provider(work, tools, FIRST_PROVIDER, first, follow=follow))

    async def deadlines() -> None:
        ended = await database.run(lambda work: expire_overdue(work, tools))
        if ended:
            log.warning("jobs_past_their_deadline", jobs=ended)

    async def removals() -> None:
        asked = await database.run(lambda work: begin_removals(work, tools))
        if asked:
            log.info("removals_begun", resources=asked)

    async def drift() -> None:
        different.update(await compare_all(database, tools, pool))
        for promise, name, kind in (
            ("I1", "machine_missing", "missing"),
            ("I1", "duplicate_machine", "duplicates"),
            ("I2", "machine_of_no_order", "orphans"),
            ("I8", "held_but_running", "running"),
        ):
            found = [reference for each in different.values() for reference in getattr(each, kind)]
            watch.report(promise, name, found)

    async def purge() -> None:
        await purge_done(database, tools.queue, _ACTIONS_KEPT)
        await purge_done(database, timers.queue, TIMERS_KEPT)
        await purge_plumbing(database, plumbing)

    return (
        ClockJob("providers", 3600, providers),
        ClockJob("deadlines", 60, deadlines),
        ClockJob("removals", 60, removals),
        ClockJob("drift", 60, drift),
        ClockJob("purge", 3600, purge),
        watch.job(),
    )
