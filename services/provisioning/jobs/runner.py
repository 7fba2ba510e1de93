"""Takes a claimed job through its steps: a transaction, then the provider, then a transaction.

The lease fences every transaction, so a worker that overslept it cannot write. Between two transactions anything
may be killed: a step that is not recorded as done is done again, and every step can bear that.
"""

import asyncio
import enum
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlalchemy import select

from services.provisioning.adapters.capabilities import (
    IdTaken,
    NeedsHuman,
    ProviderAmbiguous,
    ProviderError,
    ProviderFull,
    ProviderUnavailable,
)
from services.provisioning.adapters.providers import Connected, ProviderPool
from services.provisioning.adapters.sealing import Unsealable
from services.provisioning.domain import CREATE, RESERVE, Resource
from services.provisioning.jobs import metrics
from services.provisioning.product_types.base import GoBack, NotYet, ProductType, StepResult, StepTask
from services.provisioning.use_cases import run_job
from services.provisioning.use_cases.numbers import look_before_making, next_number
from services.provisioning.use_cases.one_time_secrets import one_time_secret
from services.provisioning.use_cases.placement import place
from services.provisioning.use_cases.providers import mark_full
from services.provisioning.use_cases.run_job import ReservationTaken
from services.provisioning.use_cases.tools import Tools
from shared.database import Claimed, Database, FailureClass, HandlingFailed, UnitOfWork, is_away
from shared.kernel.crashpoints import reach

log = structlog.get_logger()
Result = TypeVar("Result")

# A provider may ask for patience, not for silence.
_LONGEST_RETRY_AFTER = 600.0


class _Next(enum.Enum):
    """The first open step is to be begun."""

    STEP = enum.auto()


_NEXT = _Next.STEP
_Following = StepTask | _Next | None  # None: nothing more to do now


@dataclass(frozen=True, slots=True)
class _Records:
    """See `product_types.base.Records`."""

    database: Database
    tools: Tools
    provider: str
    resource_id: str

    async def new_number(self) -> int:
        return await self.database.run(lambda work: next_number(work, self.provider))

    async def was_taken(self) -> None:
        await self.database.run(lambda work: look_before_making(work, self.provider))

    async def one_time_secret(self) -> str | None:
        try:
            return await self.database.run(lambda work: one_time_secret(work, self.tools, self.resource_id))
        except Unsealable as problem:
            raise NeedsHuman(f"No one-time password can be kept: {problem}") from None


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a job's calls go: the provider, and the type that makes them."""

    provider: Connected
    kind: ProductType


class JobRunner:
    """The handler behind the queue of jobs; safe to run in any number of processes."""

    def __init__(self, database: Database, tools: Tools, pool: ProviderPool) -> None:
        self._database = database
        self._tools = tools
        self._queue = tools.queue
        self._pool = pool

    async def handle(self, claimed: Claimed) -> None:
        """Works on the job until it is done, waits, or ended. Raises LeaseLost when somebody else has it."""
        product_type, name = await self._placement(claimed)
        kind = self._tools.types.get(product_type)
        if kind is None:
            reason = f"No module of this process makes a {product_type}"
            raise HandlingFailed(reason, FailureClass.TRANSIENT)
        if name is None:
            name = await self._write(lambda work: place(work, self._tools, claimed))
            if name is None:
                return
        try:
            async with self._pool.using(name) as provider:
                following: _Following = _NEXT
                while following is not None:
                    following = await self._advance(claimed, _Target(provider, kind), following)
        except ProviderUnavailable as unusable:
            failed = HandlingFailed(unusable.detail, FailureClass.TRANSIENT)
            await self._write(lambda work: run_job.set_back(work, self._tools, claimed, failed))

    async def _advance(self, claimed: Claimed, target: _Target, step: StepTask | _Next) -> _Following:
        """One step, begun already or to be begun; what follows it at once."""
        provider = target.provider
        wait = provider.breaker.admit()
        if wait > 0:
            pause = wait + random.uniform(0, 1)  # noqa: S311 - jitter, not a secret
            await self._write(lambda work: run_job.postpone(work, self._tools, claimed, pause))
            return None
        try:
            begun = step if isinstance(step, StepTask) else await self._begin(claimed)
            return None if begun is None else await self._attempt(claimed, target, begun)
        finally:
            provider.breaker.leave()
            metrics.circuit_open.labels(provider.name).set(provider.breaker.is_open)

    async def _begin(self, claimed: Claimed) -> StepTask | None:
        return await self._write(lambda work: run_job.begin_step(work, self._tools, claimed))

    async def _attempt(self, claimed: Claimed, target: _Target, task: StepTask) -> _Following:
        provider = target.provider
        try:
            result = await self._ask(claimed, target, task)
        except NotYet as early:
            await self._provider_answered(provider)
            reason = str(early)
            await self._write(lambda work: run_job.look_again(work, self._tools, claimed, reason))
            return None
        except (GoBack, IdTaken) as undone:
            await self._provider_answered(provider)
            return _NEXT if await self._go_back(claimed, undone) else None
        except ProviderError as trouble:
            await self._trouble(claimed, provider, task, trouble)
            return None
        await self._provider_answered(provider)
        return await self._record(claimed, task, result)

    async def _ask(self, claimed: Claimed, target: _Target, task: StepTask) -> StepResult:
        records = _Records(self._database, self._tools, target.provider.name, task.reference)
        started, outcome = time.monotonic(), "failed"
        try:
            result = await self._holding(claimed, target.kind.perform(target.provider.connector, task, records))
            outcome = "done"
            return result
        except NotYet:
            outcome = "not_yet"
            raise
        finally:
            metrics.step_seconds.labels(task.step, outcome).observe(time.monotonic() - started)

    async def _record(self, claimed: Claimed, task: StepTask, result: StepResult) -> _Following:
        if task.intent == CREATE and task.last:
            reach("provisioning.before_activate")
        try:
            finished = await self._write(lambda work: run_job.finish_step(work, self._tools, claimed, result))
        except ReservationTaken:
            return _NEXT  # the step is still open: choose another reference
        if finished.delivered_in is not None:
            metrics.delivery_seconds.observe(finished.delivered_in.total_seconds())
        return finished.following

    async def _go_back(self, claimed: Claimed, undone: GoBack | IdTaken) -> bool:
        taken = isinstance(undone, IdTaken)
        to, reason = (RESERVE, undone.detail) if isinstance(undone, IdTaken) else (undone.to, undone.reason)
        return await self._write(lambda work: run_job.go_back(work, self._tools, claimed, to, reason, release=taken))

    async def _trouble(self, claimed: Claimed, provider: Connected, task: StepTask, trouble: ProviderError) -> None:
        log.warning("provider_trouble", provider=provider.name, step=task.step, kind=type(trouble).__name__)
        if isinstance(trouble, ProviderUnavailable | ProviderAmbiguous):
            provider.breaker.failed()
            retry_after = trouble.retry_after if isinstance(trouble, ProviderUnavailable) else None
            failed = HandlingFailed(
                trouble.detail,
                FailureClass.AMBIGUOUS if isinstance(trouble, ProviderAmbiguous) else FailureClass.TRANSIENT,
                retry_after=None if retry_after is None else min(retry_after, _LONGEST_RETRY_AFTER),
            )
            await self._write(lambda work: run_job.set_back(work, self._tools, claimed, failed))
            return
        await self._provider_answered(provider)
        if isinstance(trouble, ProviderFull):
            await self._write(lambda work: mark_full(work, provider.name, trouble.detail))
        failure = FailureClass.NEEDS_HUMAN if isinstance(trouble, NeedsHuman) else FailureClass.PERMANENT
        await self._write(lambda work: self._give_up(work, claimed, trouble.detail, failure))

    async def _give_up(self, work: UnitOfWork, claimed: Claimed, reason: str, failure: FailureClass) -> None:
        await run_job.give_up(work, self._tools, claimed, reason, failure)

    async def _provider_answered(self, provider: Connected) -> None:
        """Closes the circuit; when it was open, everybody who waits for this provider goes on now."""
        if provider.breaker.succeeded():
            await self._write(lambda work: self._wake_all(work, provider))

    async def _wake_all(self, work: UnitOfWork, provider: Connected) -> None:
        hurried = await self._queue.make_all_due(work.session, provider.name)
        work.wake(self._queue.name)
        log.info("provider_answers_again", provider=provider.name, jobs=hurried)

    async def _holding(self, claimed: Claimed, call: Coroutine[Any, Any, Result]) -> Result:
        """Awaits `call` while keeping the lease alive; a lost lease cancels the call."""
        task = asyncio.ensure_future(call)
        try:
            while True:
                done, _ = await asyncio.wait({task}, timeout=self._queue.lease / 3)
                if done:
                    return task.result()
                await self._extend(claimed)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _extend(self, claimed: Claimed) -> None:
        try:
            await self._write(lambda work: self._queue.extend(work.session, claimed))
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("lease_not_extended", job=claimed.id, error=type(error).__name__)

    async def _placement(self, claimed: Claimed) -> tuple[str, str | None]:
        """The product type of the job's resource, and the provider it was placed at."""
        async with self._database.read() as session:
            found = await session.execute(
                select(Resource.product_type, Resource.provider).where(Resource.id == claimed.row["resource_id"])
            )
            product_type, provider = found.one()
            return product_type, provider

    async def _write(self, change: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
        return await self._database.run(change)
