"""Takes a claimed job through its steps: a transaction, then the provider, then a transaction.

The lease fences every transaction, so a worker that overslept it cannot write. Between two transactions anything
may be killed: a step that is not recorded as done is done again, and every step can bear that.
"""

import asyncio
import enum
import random
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, TypeVar

import structlog
from sqlalchemy import select

from services.provisioning.adapters.providers import Provider, Providers
from services.provisioning.adapters.tables import JobQueue
from services.provisioning.adapters.vps import (
    IdTaken,
    NeedsHuman,
    ProviderAmbiguous,
    ProviderError,
    ProviderUnavailable,
)
from services.provisioning.domain import CREATE, RESERVE, Resource
from services.provisioning.jobs import metrics
from services.provisioning.jobs.steps import GoBack, NotYet, perform
from services.provisioning.use_cases import run_job
from services.provisioning.use_cases.run_job import ReservationTaken, StepResult, StepTask
from shared.database import Claimed, Database, FailureClass, HandlingFailed, UnitOfWork, is_away
from shared.kernel.crashpoints import reach

log = structlog.get_logger()
Result = TypeVar("Result")

# A provider may ask for patience, not for silence.
_LONGEST_RETRY_AFTER = 600.0


class _Anew(enum.Enum):
    """The first open step is to be begun."""

    ANEW = enum.auto()


_ANEW = _Anew.ANEW
_Following = StepTask | _Anew | None  # None: nothing more to do now


class JobRunner:
    """The handler behind the queue of jobs; safe to run in any number of processes."""

    def __init__(self, database: Database, queue: JobQueue, providers: Providers) -> None:
        self._database = database
        self._queue = queue
        self._providers = providers

    async def handle(self, claimed: Claimed) -> None:
        """Works on the job until it is done, waits, or ended. Raises LeaseLost when somebody else has it."""
        provider = await self._provider(claimed)
        if provider is None:
            reason = "No connector of this process serves the service's provider"
            await self._write(lambda work: self._give_up(work, claimed, reason, FailureClass.PERMANENT))
            return
        following: _Following = _ANEW
        while following is not None:
            following = await self._advance(claimed, provider, following)

    async def _advance(self, claimed: Claimed, provider: Provider, step: StepTask | _Anew) -> _Following:
        """One step, begun already or to be begun; what follows it at once."""
        wait = provider.breaker.admit()
        if wait > 0:
            pause = wait + random.uniform(0, 1)  # noqa: S311 - jitter, not a secret
            await self._write(lambda work: run_job.postpone(work, self._queue, claimed, pause))
            return None
        try:
            begun = step if isinstance(step, StepTask) else await self._begin(claimed)
            return None if begun is None else await self._attempt(claimed, provider, begun)
        finally:
            provider.breaker.leave()
            metrics.circuit_open.labels(provider.name).set(provider.breaker.is_open)

    async def _begin(self, claimed: Claimed) -> StepTask | None:
        return await self._write(lambda work: run_job.begin_step(work, self._queue, claimed))

    async def _attempt(self, claimed: Claimed, provider: Provider, task: StepTask) -> _Following:
        try:
            result = await self._ask(claimed, provider, task)
        except NotYet as early:
            await self._provider_answered(provider)
            reason = str(early)
            await self._write(lambda work: run_job.look_again(work, self._queue, claimed, reason))
            return None
        except (GoBack, IdTaken) as undone:
            await self._provider_answered(provider)
            return _ANEW if await self._go_back(claimed, undone) else None
        except ProviderError as trouble:
            await self._trouble(claimed, provider, task, trouble)
            return None
        await self._provider_answered(provider)
        return await self._record(claimed, provider, task, result)

    async def _ask(self, claimed: Claimed, provider: Provider, task: StepTask) -> StepResult:
        started, outcome = time.monotonic(), "failed"
        try:
            result = await self._holding(claimed, perform(task, provider, lambda: self._reserved(provider)))
            outcome = "done"
            return result
        except NotYet:
            outcome = "not_yet"
            raise
        finally:
            metrics.step_seconds.labels(task.step, outcome).observe(time.monotonic() - started)

    async def _record(self, claimed: Claimed, provider: Provider, task: StepTask, result: StepResult) -> _Following:
        if task.kind == CREATE and task.last:
            reach("provisioning.before_activate")
        try:
            finished = await self._write(lambda work: run_job.finish_step(work, self._queue, claimed, result))
        except ReservationTaken:
            return _ANEW  # the step is still open: choose another id
        finally:
            if task.step == RESERVE and result.machine_id is not None:
                provider.proposed.discard(result.machine_id)
        if finished.delivered_in is not None:
            metrics.delivery_seconds.observe(finished.delivered_in.total_seconds())
        return finished.following

    async def _go_back(self, claimed: Claimed, undone: GoBack | IdTaken) -> bool:
        taken = isinstance(undone, IdTaken)
        to, reason = (RESERVE, undone.detail) if isinstance(undone, IdTaken) else (undone.to, undone.reason)
        return await self._write(lambda work: run_job.go_back(work, self._queue, claimed, to, reason, release=taken))

    async def _trouble(self, claimed: Claimed, provider: Provider, task: StepTask, trouble: ProviderError) -> None:
        log.warning("provider_trouble", provider=provider.name, step=task.step, kind=type(trouble).__name__)
        if isinstance(trouble, ProviderUnavailable | ProviderAmbiguous):
            provider.breaker.failed()
            retry_after = trouble.retry_after if isinstance(trouble, ProviderUnavailable) else None
            failed = HandlingFailed(
                trouble.detail,
                FailureClass.AMBIGUOUS if isinstance(trouble, ProviderAmbiguous) else FailureClass.TRANSIENT,
                retry_after=None if retry_after is None else min(retry_after, _LONGEST_RETRY_AFTER),
            )
            await self._write(lambda work: run_job.set_back(work, self._queue, claimed, failed))
            return
        await self._provider_answered(provider)
        failure = FailureClass.NEEDS_HUMAN if isinstance(trouble, NeedsHuman) else FailureClass.PERMANENT
        await self._write(lambda work: self._give_up(work, claimed, trouble.detail, failure))

    async def _give_up(self, work: UnitOfWork, claimed: Claimed, reason: str, failure: FailureClass) -> None:
        await run_job.give_up(work, self._queue, claimed, reason, failure)

    async def _provider_answered(self, provider: Provider) -> None:
        """Closes the circuit; when it was open, everybody who waits for this provider goes on now."""
        if provider.breaker.succeeded():
            await self._write(lambda work: self._wake_all(work, provider))

    async def _wake_all(self, work: UnitOfWork, provider: Provider) -> None:
        hurried = await self._queue.hurry_all(work.session, provider.name)
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

    async def _provider(self, claimed: Claimed) -> Provider | None:
        async with self._database.read() as session:
            name = await session.scalar(select(Resource.provider).where(Resource.id == claimed.row["resource_id"]))
        return self._providers.get(name) if name is not None else None

    async def _reserved(self, provider: Provider) -> Collection[int]:
        async with self._database.read() as session:
            ids = await session.scalars(
                select(Resource.machine_id).where(Resource.provider == provider.name, Resource.machine_id.is_not(None))
            )
            return [machine_id for machine_id in ids if machine_id is not None]

    async def _write(self, change: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
        return await self._database.run(change)
