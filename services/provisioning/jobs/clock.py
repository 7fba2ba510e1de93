"""What the clock asks for: deadlines, drift, cleaning up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.provisioning.adapters.providers import Provider, Providers
from services.provisioning.adapters.tables import JobQueue, plumbing, timers
from services.provisioning.adapters.vps import Machine, ProviderError
from services.provisioning.jobs import metrics
from services.provisioning.queries.drift import Books, read_books
from services.provisioning.use_cases.deadlines import expire_overdue
from services.provisioning.use_cases.drift import record_missing, record_sighting
from services.provisioning.use_cases.promises import promise_watch
from shared.database import TIMERS_KEPT, Database, TimerHandler, purge_done
from shared.web.service import purge_plumbing
from shared.web.worker import ClockJob

log = structlog.get_logger()

_POWER_JOBS_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Differences:
    """What breaks a promise at a provider, by our references: active services whose machine is not there, references
    that several machines carry, and references that our books do not know or have closed."""

    missing: tuple[str, ...]
    duplicates: tuple[str, ...]
    orphans: tuple[str, ...]


def timer_handlers() -> dict[str, TimerHandler]:
    """What is due at a moment of business time: kind of timer → use case."""
    return {}


def clock_jobs(database: Database, queue: JobQueue, providers: Providers) -> Sequence[ClockJob]:
    """Deadlines, drift and the promises once a minute, cleaning up once an hour."""
    watch = promise_watch(database)
    different: dict[str, Differences] = {}

    async def deadlines() -> None:
        async with database.work() as work:
            ended = await expire_overdue(work)
        if ended:
            log.warning("jobs_past_their_deadline", jobs=ended)

    async def drift() -> None:
        for provider in providers.values():
            found = await check_drift(database, provider)
            if found is not None:
                different[provider.name] = found
        if different:
            missing, duplicates, orphans = (
                [reference for found in different.values() for reference in getattr(found, kind)]
                for kind in ("missing", "duplicates", "orphans")
            )
            watch.report("I1", "machine_missing", missing)
            watch.report("I1", "duplicate_machine", duplicates)
            watch.report("I2", "machine_of_no_order", orphans)

    async def purge() -> None:
        await purge_done(database, queue, _POWER_JOBS_KEPT)
        await purge_done(database, timers.queue, TIMERS_KEPT)
        await purge_plumbing(database, plumbing)

    return (
        ClockJob("deadlines", 60, deadlines),
        ClockJob("drift", 60, drift),
        ClockJob("purge", 3600, purge),
        watch.job(),
    )


async def check_drift(database: Database, provider: Provider) -> Differences | None:
    """Compares our active resources with the provider's list, and flags what differs. Changes no machine.

    None when the provider could not be asked.
    """
    if provider.breaker.is_open:
        return None
    try:
        # The list first: what it shows was reserved in our books before it was made.
        machines = await provider.connector.list_machines()
        async with database.read() as session:
            listed = {machine.ref.reference for machine in machines}
            books = await read_books(session, provider.name, listed, database.clock.now())
        missing = await _confirmed_missing(provider, books, machines)
    except ProviderError as error:
        log.info("drift_not_checked", provider=provider.name, error=error.detail)
        return None
    await _record(database, provider, books, machines, missing)
    duplicates, orphans = _strangers(provider, books, machines)
    return Differences(tuple(sorted(missing)), _once(duplicates), _once(orphans))


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


def _strangers(provider: Provider, books: Books, machines: Sequence[Machine]) -> tuple[list[str], list[str]]:
    """Machines that carry a reference of ours twice, or one that our books do not know or have closed."""
    seen: set[str] = set()
    duplicates: list[str] = []
    orphans: list[str] = []
    for machine in machines:
        reference = machine.ref.reference
        if reference in seen:
            _drift(provider, "duplicate", reference)
            duplicates.append(reference)
        elif reference not in books.living:
            _drift(provider, "orphan", reference)
            orphans.append(reference)
        seen.add(reference)
    return duplicates, orphans


def _once(references: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(references))


def _drift(provider: Provider, kind: str, reference: str) -> None:
    metrics.drift_found.labels(provider.name, kind).inc()
    log.warning("drift_found", provider=provider.name, kind=kind, resource=reference)
