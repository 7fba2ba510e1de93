"""Stores Stripe's events: concurrent deliveries share one INSERT and one commit, and a repeat changes nothing.

There is no timer: whatever queued up while the last flush ran is the next flush. An event is acknowledged only
after its commit, so a lost connection or process costs a redelivery, never an event.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import structlog

from services.billing.adapters.stripe.readings import API_RELEASE
from services.billing.domain.base import SCHEMA
from shared.database import is_away
from shared.database.engine import raw_parameters, sqlstate
from shared.kernel.batches import Batcher, Interrupted
from shared.kernel.crashpoints import reach

log = structlog.get_logger()

LARGEST_FLUSH = 64
_LONGEST_QUEUE = 1024
# Seconds: for connecting, and for one statement. A delivery waits no longer than their sum, twice.
_CONNECT, _STATEMENT = 3.0, 5.0

# One statement for any number of rows; sorted, so that two processes never wait for each other's keys crosswise, and
# each event once. A copy that could not be read, because it came in another API version, gives way to one that can.
_INSERT = f"""
    INSERT INTO {SCHEMA}.stripe_events AS stored
           (id, type, api_version, stripe_created_at, livemode, object_id, payload, trace)
    SELECT DISTINCT ON (given.id) given.*
      FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::boolean[], $6::text[], $7::text[],
                  $8::text[]) AS given(id, type, api_version, created_at, livemode, object_id, payload, trace)
     ORDER BY given.id, given.api_version LIKE '%.{API_RELEASE}' DESC NULLS LAST
    ON CONFLICT (id) DO UPDATE
       SET payload = excluded.payload, api_version = excluded.api_version, object_id = excluded.object_id,
           state = 'ready', attempts = 0, finished_at = NULL, lease_token = NULL, next_attempt_at = clock_timestamp()
     WHERE stored.state IN ('dead', 'parked') AND stored.api_version IS DISTINCT FROM excluded.api_version
       AND excluded.api_version LIKE '%.{API_RELEASE}'
"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """A verified event: the exact text that was signed and the few fields it is found by."""

    id: str
    type: str
    api_version: str | None
    created: datetime
    livemode: bool
    object_id: str | None
    payload: str
    trace: str | None = None


class StoreAway(Exception):
    """The event was not stored, and its sender must try again."""


class NotStorable(Exception):
    """PostgreSQL refuses this very row; the same row will be refused again."""


class EventStore:
    """The table of Stripe's events, over one raw connection that is made when first needed and again when lost."""

    def __init__(self, url: str) -> None:
        self._parameters = {**raw_parameters(url, SCHEMA), "timeout": _CONNECT, "command_timeout": _STATEMENT}
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._turn: asyncio.Lock | None = None

    async def insert(self, events: Sequence[IncomingEvent]) -> None:
        """Stores the events that are new, in one commit. Raises whatever PostgreSQL or the connection raises."""
        columns = (
            [event.id for event in events],
            [event.type for event in events],
            [event.api_version for event in events],
            [event.created for event in events],
            [event.livemode for event in events],
            [event.object_id for event in events],
            [event.payload for event in events],
            [event.trace for event in events],
        )
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(**self._parameters)
            try:
                await self._connection.execute(_INSERT, *columns)
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
                raise  # the statement's fault, not the connection's
            except BaseException:  # cancellation too: a connection in an unknown state is not used again
                self._drop()
                raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Closes the connection, without waiting for one that hangs."""
        if self._connection is not None:
            with contextlib.suppress(Exception):  # it is thrown away, whatever it says
                await self._connection.close(timeout=2)
            self._connection = None


class Intake:
    """The queue in front of the store. `on_stored` is called once per flush, to wake whoever processes."""

    def __init__(
        self, store: EventStore, on_stored: Callable[[], None], *, longest_queue: int = _LONGEST_QUEUE
    ) -> None:
        self._store = store
        self._on_stored = on_stored
        self._longest = longest_queue
        self._queue: Batcher[IncomingEvent] = Batcher(self._flush, most=LARGEST_FLUSH, name="stripe-intake")

    async def store(self, event: IncomingEvent) -> None:
        """Returns once the event is committed. Raises StoreAway or NotStorable when it is not."""
        if len(self._queue) >= self._longest:
            raise StoreAway("too many deliveries at once")
        try:
            await self._queue.put(event)
        except Interrupted:
            raise StoreAway("shutting down") from None

    async def _flush(self, events: Sequence[IncomingEvent]) -> list[Exception | None]:
        failure = await self._insert(events)
        if isinstance(failure, NotStorable) and len(events) > 1:
            # One bad row must not cost its neighbours.
            return [await self._insert([event]) for event in events]
        return [failure] * len(events)

    async def _insert(self, events: Sequence[IncomingEvent]) -> StoreAway | NotStorable | None:
        """Tries twice: a connection that broke while idle, or a deadlock, must not cost a redelivery."""
        for attempt in (1, 2):
            try:
                await self._store.insert(events)
            except Exception as error:  # noqa: BLE001 - whatever it is, every waiting sender gets an answer
                if sqlstate(error).startswith(("22", "23")) or isinstance(error, asyncpg.DataError):
                    return NotStorable(type(error).__name__)
                again = not isinstance(error, TimeoutError) and (is_away(error) or sqlstate(error).startswith("40"))
                if attempt == 1 and again:
                    continue
                log.warning("intake_away", error=type(error).__name__, events=len(events))
                # Behind a store that hangs, each flush would cost whoever waits another timeout.
                self._queue.turn_away(StoreAway(type(error).__name__))
                return StoreAway(type(error).__name__)
            reach("billing.intake.after_commit")
            log.info("deliveries_stored", events=[event.id for event in events])
            self._on_stored()
            return None
        raise AssertionError("unreachable: the second attempt returns")

    async def close(self) -> None:
        """Lets the flush under way finish, then closes the connections."""
        await self._queue.settle(2 * (_CONNECT + _STATEMENT))
        await self._store.close()
