"""Staff add, change, pause and open providers; every change is kept with who and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.exc import IntegrityError

from services.provisioning.adapters.providers import ProviderPool
from services.provisioning.domain import SYSTEM, Provider, ProviderHistory, Resource
from services.provisioning.use_cases.tools import Tools
from shared.database import UnitOfWork
from shared.kernel import Conflict, FieldError, Invalid


@dataclass(frozen=True, slots=True)
class ProviderFields:
    """What staff say about a provider; `capacity` None: as many as come."""

    kind: str
    endpoint: str
    secret_ref: str
    product_types: Sequence[str]
    regions: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    capacity: int | None = None


async def add_provider(
    work: UnitOfWork, tools: Tools, pool: ProviderPool, name: str, fields: ProviderFields, *, reason: str, by: str
) -> Provider:
    """A new provider, open at once. Raises Conflict (name-taken), or Invalid naming the field that is wrong."""
    if await work.session.scalar(select(Provider.id).where(Provider.name == name)) is not None:
        raise Conflict(f"There is a provider {name} already.", slug="name-taken")
    provider = _provider(name, fields, work.clock.now(), by, reason)
    await _check(tools, pool, provider)
    work.add(provider)
    await work.session.flush()
    await _go_on(work, tools, provider)
    return provider


async def change_provider(
    work: UnitOfWork,
    tools: Tools,
    pool: ProviderPool,
    provider_id: str,
    changes: Mapping[str, Any],
    *,
    version: int,
    reason: str,
    by: str,
) -> Provider:
    """Other values for some fields. Raises NotFound, Conflict (changed-meanwhile) unless `version` is its newest, or
    Invalid."""
    provider = await _locked(work, provider_id)
    if provider.version != version:
        raise Conflict("Somebody else changed this provider. Look at it again.", slug="changed-meanwhile")
    provider.change(changes, reason, work.clock.now(), by)
    await _check(tools, pool, provider)
    await work.session.flush()
    await _go_on(work, tools, provider)
    return provider


async def move_provider(
    work: UnitOfWork, tools: Tools, provider_id: str, verb: str, *, reason: str, by: str
) -> Provider:
    """`pause`, `fill` or `open`. Raises NotFound."""
    provider = await _locked(work, provider_id)
    moves = {"pause": provider.pause, "fill": provider.fill, "open": provider.open}
    moves[verb](reason, work.clock.now(), by)
    await work.session.flush()
    await _go_on(work, tools, provider)
    return provider


async def mark_full(work: UnitOfWork, name: str, reason: str) -> None:
    """The provider said that it has no room left: it gets no new work until staff open it again."""
    provider = await work.session.scalar(select(Provider).where(Provider.name == name).with_for_update())
    if provider is not None:
        provider.fill(reason, work.clock.now(), SYSTEM)


async def seed_provider(
    work: UnitOfWork, tools: Tools, name: str, fields: ProviderFields, *, follow: bool = False
) -> None:
    """The provider of the environment's settings becomes the first row. A row that is there is never overwritten, but
    for one (`follow`): on a developer's machine the stand-in moves to other ports, and a row no person changed moves
    with it."""
    present = await work.session.scalar(select(Provider).where(Provider.name == name).with_for_update())
    if present is not None:
        if follow and present.endpoint != fields.endpoint and not await _touched(work, present):
            present.change({"endpoint": fields.endpoint}, "From the environment's settings", work.clock.now(), SYSTEM)
        return
    provider = _provider(name, fields, work.clock.now(), SYSTEM, "From the environment's settings")
    # What versions without rows have placed there.
    number = cast(Resource.external_ref, BigInteger)
    living = select(func.count(), func.max(number)).where(Resource.provider == name, Resource._status != "removed")
    used, highest = (await work.session.execute(living)).one()
    provider.used, provider.next_number = used, max(provider.next_number, (highest or 0) + 1)
    try:
        async with work.session.begin_nested():
            work.add(provider)
            await work.session.flush()
    except IntegrityError:
        return  # another process was faster
    await _go_on(work, tools, provider)


async def _touched(work: UnitOfWork, provider: Provider) -> bool:
    by_people = select(ProviderHistory.id).where(
        ProviderHistory.provider_id == provider.id, ProviderHistory.by != SYSTEM
    )
    return await work.session.scalar(by_people.limit(1)) is not None


def _provider(name: str, fields: ProviderFields, at: datetime, by: str, reason: str) -> Provider:
    return Provider.added(
        name=name,
        kind=fields.kind,
        product_types=fields.product_types,
        endpoint=fields.endpoint,
        secret_ref=fields.secret_ref,
        regions=fields.regions,
        settings=fields.settings,
        capacity=fields.capacity,
        at=at,
        by=by,
        reason=reason,
    )


async def _locked(work: UnitOfWork, provider_id: str) -> Provider:
    return await work.one(
        select(Provider).where(Provider.id == provider_id).with_for_update(), "There is no such provider."
    )


async def _check(tools: Tools, pool: ProviderPool, provider: Provider) -> None:
    """Raises Invalid naming the field whose value cannot be used. Speaks to nobody."""
    unknown = [name for name in provider.product_types if tools.types.get(name) is None]
    if unknown:
        raise _invalid("product_types", f"There is no product type {', '.join(unknown)} that is made automatically.")
    if provider.kind not in pool.kinds:
        raise _invalid("kind", f"There is no such kind; there are {', '.join(sorted(pool.kinds))}.")
    try:
        pool.secrets.check(provider.secret_ref)
    except ValueError as problem:
        raise _invalid("secret_ref", str(problem)) from None
    try:
        await pool.make(provider).aclose()
    except LookupError as problem:
        raise _invalid("secret_ref", f"Nothing is there: {problem}") from None
    except ValueError as problem:
        raise _invalid("settings", str(problem)) from None


def _invalid(name: str, detail: str) -> Invalid:
    return Invalid("The provider cannot be used as it is.", errors=(FieldError(f"/{name}", detail),))


async def _go_on(work: UnitOfWork, tools: Tools, provider: Provider) -> None:
    """What waited for it, or for room, is tried again at once."""
    await tools.queue.make_all_due(work.session, provider.name)
    await tools.queue.make_unplaced_due(work.session)
    work.wake(tools.queue.name)
