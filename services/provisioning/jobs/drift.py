"""Compares our records with what a provider lists, and flags what differs.

Nothing is made or removed here. What must stay off and runs is stopped again, by a job like any other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import select

from services.provisioning.adapters.capabilities import ProviderError
from services.provisioning.adapters.providers import Connected, ProviderPool
from services.provisioning.domain import Provider
from services.provisioning.jobs import metrics
from services.provisioning.product_types.base import ProductType, Seen
from services.provisioning.queries.drift import Recorded, read_recorded
from services.provisioning.use_cases.drift import record_missing, record_reachable, record_sighting, stop_again
from services.provisioning.use_cases.tools import Tools
from shared.database import Database

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Differences:
    """What breaks a promise at a provider, by our references: active services whose thing is not there, references that
    several things carry, references that our records do not know or have closed, and what runs though it must not."""

    missing: tuple[str, ...]
    duplicates: tuple[str, ...]
    orphans: tuple[str, ...]
    running: tuple[str, ...] = ()


async def compare_all(database: Database, tools: Tools, pool: ProviderPool) -> dict[str, Differences]:
    """Every provider and product type that could be compared, as `provider/type`."""
    async with database.read() as session:
        rows = (await session.execute(select(Provider.name, Provider.product_types).order_by(Provider.name))).all()
    found = {}
    for name, product_types in rows:
        for product_type in product_types:
            kind = tools.types.get(product_type)
            differences = await _compare(database, tools, pool, name, kind) if kind is not None else None
            if differences is not None:
                found[f"{name}/{product_type}"] = differences
    return found


async def _compare(
    database: Database, tools: Tools, pool: ProviderPool, name: str, kind: ProductType
) -> Differences | None:
    try:
        async with pool.using(name) as provider:
            if provider.breaker.is_open:
                reachable, found = False, None
            else:
                found = await compare(database, tools, provider, kind)
                reachable = True
    except ProviderError as error:
        log.info("drift_not_checked", provider=name, error=error.detail)
        reachable, found = False, None
    await database.run(lambda work: record_reachable(work, name, reachable))
    return found


async def compare(database: Database, tools: Tools, provider: Connected, kind: ProductType) -> Differences | None:
    """Our resources of one type at one provider beside what it lists. None for what cannot be listed.

    Raises ProviderError when the provider could not be asked.
    """
    # The list first: what it shows was reserved in our records before it was made.
    things = await kind.things(provider.connector)
    if things is None:
        return None
    async with database.read() as session:
        listed = {thing.reference for thing in things}
        recorded = await read_recorded(session, provider.name, kind.name, listed, database.clock.now())
    missing = await _confirmed_missing(provider, kind, recorded, things)
    await _record(database, provider, recorded, things, missing)
    running = await _stop_what_must_be_off(database, tools, provider, recorded, things)
    duplicates, orphans = _strangers(provider, recorded, things)
    return Differences(tuple(sorted(missing)), _once(duplicates), _once(orphans), _once(running))


async def _confirmed_missing(
    provider: Connected, kind: ProductType, recorded: Recorded, things: Sequence[Seen]
) -> set[str]:
    """A listing may lag or leave out, so each absence is confirmed by a direct look."""
    listed = {thing.reference for thing in things}
    missing = set()
    for reference, entry in recorded.active.items():
        if reference in listed or not entry.settled:
            continue
        if not await kind.is_there(provider.connector, reference, entry.external_ref):
            missing.add(reference)
    return missing


async def _record(
    database: Database, provider: Connected, recorded: Recorded, things: Sequence[Seen], missing: set[str]
) -> None:
    for thing in things:
        entry = recorded.active.get(thing.reference)
        if entry is None or (entry.power == thing.power and not entry.missing):
            continue
        async with database.work() as work:
            if await record_sighting(work, thing.reference, thing.power):
                log.info("missing_thing_found", provider=provider.name, resource=thing.reference)
    unflagged = {reference for reference in missing if not recorded.active[reference].missing}
    if not unflagged:
        return
    async with database.work() as work:
        news = await record_missing(work, unflagged)
    for reference in news:
        _drift(provider, "missing", reference)


async def _stop_what_must_be_off(
    database: Database, tools: Tools, provider: Connected, recorded: Recorded, things: Sequence[Seen]
) -> list[str]:
    """Things that run though their service is suspended or over. Returns those nothing was under way for yet."""
    running = [
        thing.reference for thing in things if thing.power == "running" and thing.reference in recorded.must_be_off
    ]
    news = []
    for reference in dict.fromkeys(running):
        if await database.run(partial(stop_again, tools=tools, resource_id=reference)):
            _drift(provider, "held_but_running", reference)
            news.append(reference)
    return news


def _strangers(provider: Connected, recorded: Recorded, things: Sequence[Seen]) -> tuple[list[str], list[str]]:
    """Things that carry a reference of ours twice, or one that our records do not know or have closed."""
    seen: set[str] = set()
    duplicates: list[str] = []
    orphans: list[str] = []
    for thing in things:
        reference = thing.reference
        if reference in seen:
            _drift(provider, "duplicate", reference)
            duplicates.append(reference)
        elif reference not in recorded.living:
            _drift(provider, "orphan", reference)
            orphans.append(reference)
        seen.add(reference)
    return duplicates, orphans


def _once(references: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(references))


def _drift(provider: Connected, kind: str, reference: str) -> None:
    metrics.drift_found.labels(provider.name, kind).inc()
    log.warning("drift_found", provider=provider.name, kind=kind, resource=reference)
