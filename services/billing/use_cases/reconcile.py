"""Compare with Stripe what was delivered and what is still open, so that a lost delivery is only a late one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import orjson
import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.billing.adapters.event_shape import MalformedEvent, event_of
from services.billing.adapters.intake import EventStore, IncomingEvent
from services.billing.adapters.payments import PaymentProvider, ProviderFailure
from services.billing.domain import Checkout, Sweep
from services.billing.use_cases.settle_checkout import apply_session
from shared.database import Database, FailureClass, HandlingFailed, UnitOfWork

log = structlog.get_logger()

_EVENTS = "events"
# The row's own fault: the same row will be refused again.
_REFUSED_ROWS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
_PAGE = 100
_PAGES_PER_RUN = 20
_SESSIONS_PER_RUN = 20
# A page that was opened this long ago is looked at, and again after every further pause of this kind.
_FIRST_LOOK = timedelta(minutes=2)
_NEXT_LOOK = timedelta(minutes=10)


class Reconciler:
    """Works in small steps; each run goes on where the last one stopped."""

    def __init__(self, database: Database, payments: PaymentProvider, store: EventStore, *, livemode: bool) -> None:
        self._database = database
        self._payments = payments
        self._store = store
        self._livemode = livemode

    async def sweep_events(self) -> int:
        """Fetches Stripe's own list of events through the same insert deliveries use; says how many were looked at.

        The bookmark moves on only after a whole window was stored, so a gap of any length (up to Stripe's 30 days)
        is closed, whatever was delivered meanwhile.
        """
        seen = 0
        for _page in range(_PAGES_PER_RUN):
            since, until, after = await self._database.run(_window)
            events = await self._payments.list_events(since=since, until=until, after=after, limit=_PAGE)
            mine = [event for event in _readable(events) if event.livemode is self._livemode]
            if mine:
                await self._keep(mine)
                self._database.notifier.poke("stripe_events")
            seen += len(events)
            last = str(events[-1]["id"]) if len(events) == _PAGE else None
            caught_up = await self._database.run(partial(_page_read, last_id=last))
            if caught_up:
                break
        return seen

    async def _keep(self, events: Sequence[IncomingEvent]) -> None:
        """Stores them together; when PostgreSQL refuses one for what is in it, each by itself, without that one."""
        try:
            await self._store.insert(events)
        except _REFUSED_ROWS as error:
            if len(events) == 1:
                log.error("listed_event_not_storable", event_id=events[0].id, reason=type(error).__name__)  # noqa: TRY400
                return
            for event in events:
                await self._keep([event])

    async def look_at_sessions(self) -> int:
        """Looks at pages that are open for a while: what was paid or closed there is applied; says how many."""
        sessions = await self._database.run(_due_sessions)
        for session_id in sessions:
            try:
                opened = await self._payments.retrieve_session(session_id)
                await self._database.run(partial(apply_session, fact=opened.fact))
            except ProviderFailure as failure:
                log.warning("session_not_seen", session=session_id, reason=failure.reason)
                if failure.failure is not FailureClass.PERMANENT:
                    break  # Stripe is away or wants fewer calls: the next run goes on
            except HandlingFailed as failure:
                log.warning("session_needs_a_person", session=session_id, reason=failure.reason)
        return len(sessions)


async def _bookmark(work: UnitOfWork) -> Sweep:
    statement = select(Sweep).where(Sweep.name == _EVENTS).with_for_update()
    sweep = (await work.session.execute(statement)).scalar_one_or_none()
    if sweep is not None:
        return sweep
    first = Sweep.begin(_EVENTS, work.clock.now())
    await work.session.execute(
        insert(Sweep).values(name=first.name, swept_until=first.swept_until).on_conflict_do_nothing()
    )
    return (await work.session.execute(statement)).scalar_one()


async def _window(work: UnitOfWork) -> tuple[datetime, datetime, str | None]:
    sweep = await _bookmark(work)
    since, until = sweep.window(work.clock.now())
    return since, until, sweep.after_id


async def _page_read(work: UnitOfWork, last_id: str | None) -> bool:
    sweep = await _bookmark(work)
    sweep.page_read(last_id)
    return last_id is None and sweep.swept_until >= work.clock.now() - timedelta(minutes=1)


def _readable(listed: Sequence[dict[str, Any]]) -> list[IncomingEvent]:
    """The events of a page; what is none is left out and logged, for it would be none the next time either."""
    events = []
    for raw in listed:
        try:
            events.append(event_of(raw, orjson.dumps(raw).decode()))
        except (MalformedEvent, TypeError, ValueError) as error:
            log.error("listed_event_unreadable", event_id=str(raw.get("id"))[:220], reason=str(error))  # noqa: TRY400
    return events


async def _due_sessions(work: UnitOfWork) -> list[str]:
    """Takes the pages to look at, and puts them to the end of the line."""
    now = work.clock.now()
    statement = (
        select(Checkout)
        .where(
            Checkout.having("open"),
            Checkout.stripe_session_id.is_not(None),
            Checkout.checked_at < now - _FIRST_LOOK,
        )
        .order_by(Checkout.checked_at)
        .limit(_SESSIONS_PER_RUN)
        .with_for_update(skip_locked=True)
    )
    checkouts = list((await work.session.execute(statement)).scalars())
    for checkout in checkouts:
        checkout.checked_at = now + _NEXT_LOOK - _FIRST_LOOK
    return [checkout.stripe_session_id for checkout in checkouts if checkout.stripe_session_id is not None]
