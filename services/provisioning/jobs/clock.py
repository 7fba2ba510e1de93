"""What the clock asks for: deadlines, drift, cleaning up."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from services.provisioning.adapters.providers import Provider, Providers
from services.provisioning.adapters.tables import JobQueue, plumbing
from services.provisioning.adapters.vps import Machine, ProviderError
from services.provisioning.jobs import metrics
from services.provisioning.queries.drift import Books, read_books
from services.provisioning.use_cases.deadlines import expire_overdue
from services.provisioning.use_cases.drift import record_missing, record_sighting
from shared.database import Database
from shared.web.service import purge_plumbing
from shared.web.worker import ClockJob

log = structlog.get_logger()

_POWER_JOBS_KEPT = timedelta(days=90)


def clock_jobs(database: Database, queue: JobQueue, providers: Providers) -> Sequence[ClockJob]:
    """Deadlines and drift once a minute, cleaning up once an hour."""

    async def deadlines() -> None:
        async with database.work() as work:
            ended = await expire_overdue(work)
        if ended:
            log.warning("jobs_past_their_deadline", jobs=ended)

    async def drift() -> None:
        for provider in providers.values():
            await check_drift(database, provider)

    async def purge() -> None:
        async with database.work() as work:
            await queue.purge(work.session, _POWER_JOBS_KEPT)
        await purge_plumbing(database, plumbing)

    return (
        ClockJob("deadlines", 60, deadlines),
        ClockJob("drift", 60, drift),
        ClockJob("purge", 3600, purge),
    )


async def check_drift(database: Database, provider: Provider) -> None:
    """Compares our active resources with the provider's list, and flags what differs. Changes no machine."""
    if provider.breaker.is_open:
        return
    try:
        # The list first: what it shows was reserved in our books before it was made.
        machines = await provider.connector.list_machines()
        async with database.read() as session:
            listed = {machine.ref.reference for machine in machines}
            books = await read_books(session, provider.name, listed, database.clock.now())
        missing = await _confirmed_missing(provider, books, machines)
    except ProviderError as error:
        log.info("drift_not_checked", provider=provider.name, error=error.detail)
        return
    await _record(database, provider, books, machines, missing)
    _report_strangers(provider, books, machines)


async def _confirmed_missing(provider: Provider, books: Books, machines: Sequence[Machine]) -> set[str]:
    """A listing may lag or leave out, so each absence is confirmed by a direct look."""
    listed = {machine.ref.reference for machine in machines}
    missing = set()
    for reference, entry in books.active.items():
        if reference in listed or not entry.settled:
            continue
        if await provider.connector.find(reference, entry.machine_id) is None:
            missing.add(reference)
    return missing


async def _record(
    database: Database, provider: Provider, books: Books, machines: Sequence[Machine], missing: set[str]
) -> None:
    for machine in machines:
        entry = books.active.get(machine.ref.reference)
        if entry is None or (entry.power == machine.power.value and not entry.missing):
            continue
        async with database.work() as work:
            if await record_sighting(work, machine.ref.reference, machine.power.value):
                log.info("missing_machine_found", provider=provider.name, resource=machine.ref.reference)
    unflagged = {reference for reference in missing if not books.active[reference].missing}
    if not unflagged:
        return
    async with database.work() as work:
        news = await record_missing(work, unflagged)
    for reference in news:
        _drift(provider, "missing", reference)


def _report_strangers(provider: Provider, books: Books, machines: Sequence[Machine]) -> None:
    """Machines that carry a reference of ours twice, or one that our books do not know or have closed."""
    seen: set[str] = set()
    for machine in machines:
        reference = machine.ref.reference
        if reference in seen:
            _drift(provider, "duplicate", reference)
        elif reference not in books.living:
            _drift(provider, "orphan", reference)
        seen.add(reference)


def _drift(provider: Provider, kind: str, reference: str) -> None:
    metrics.drift_found.labels(provider.name, kind).inc()
    log.warning("drift_found", provider=provider.name, kind=kind, resource=reference)
