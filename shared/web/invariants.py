"""The promises, watched in production: each service asks its own schema, once a minute, whether one of them is broken.

A query names the ids that break a promise and no others. It runs in a transaction that can write nothing, is cut off
after two seconds and returns a bounded number of ids. What it finds is a gauge (for the alert) and, once for every new
id, an error line. Nothing is repaired here: a broken promise is a fault of ours, and a person must look.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Gauge
from sqlalchemy import DateTime, Integer, Uuid, bindparam, text

from shared.database import Database
from shared.kernel import encode_id
from shared.telemetry.metrics import registry
from shared.web.worker import ClockJob

log = structlog.get_logger()

EVERY = 60.0
# A promise that is broken a hundred times is broken; counting further would cost and tell nothing.
MOST_IDS = 100
_TIMEOUT_MS = 2000
_REMEMBERED = 10_000
# Every query walks from few rows, by an index, to what belongs to them. Left to itself the planner reads whole tables
# once that looks a little cheaper, and next year's tables are larger.
_PLAN = tuple(f"SET LOCAL enable_{way} = off" for way in ("seqscan", "hashjoin", "mergejoin"))
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")

violations = Gauge(
    "ez_promise_violations",
    "Ids that break a promise now (100 stands for 100 or more).",
    ["service", "promise", "name"],
    registry=registry,
)
checked_at = Gauge(
    "ez_promise_checked_timestamp_seconds",
    "When a promise was last looked at successfully.",
    ["service", "promise", "name"],
    registry=registry,
)


@dataclass(frozen=True, slots=True)
class Invariant:
    """One way in which a promise (I1 to I10) can be seen to be broken.

    `statement` is a SELECT of one column, the offending ids; `prefix` names their kind when they are UUIDs of ours.
    It may use `:since` and `:until`, UUIDs that bound ids by the time they were made in: our ids begin with their
    millisecond, so a primary key is an index on time. `:since_at` and `:until_at` are the same two moments.
    `grace` is how long what is on its way may take; `window` how far back is looked.
    """

    promise: str
    name: str
    statement: str
    prefix: str = ""
    grace: timedelta = timedelta(minutes=10)
    window: timedelta = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Probe:
    """A look that plain SQL cannot take: `find` returns the offending ids, and None when it could not look."""

    promise: str
    name: str
    find: Callable[[], Awaitable[Sequence[str] | None]]


def floor_id(at: datetime) -> UUID:
    """The smallest id (UUIDv7) that can have been made at or after `at`."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def stuck_facts(grace: timedelta = timedelta(minutes=15)) -> Invariant:
    """I10 as every publisher can see it: a fact that was committed and is not confirmed for too long."""
    return Invariant(
        "I10",
        "fact_not_sent",
        "SELECT id FROM outbox WHERE state = 'ready' AND created_at < :until_at",
        grace=grace,
    )


def told_twice(*types: str) -> Invariant:
    """I10: one happening told under two ids.

    `types` are facts of which a subject has at most one in its life: an order is canceled once, an invoice paid once.
    Two rows of one such type and one subject in the outbox break the promise, whatever they say and whoever recorded
    them. Only the last six hours are looked at, so a second fact is found if it follows the first within that time.
    """
    listed = ", ".join(f"'{wire_type}'" for wire_type in types)
    return Invariant(
        "I10",
        "fact_told_twice",
        f"SELECT type || ' ' || subject FROM outbox WHERE id > :since AND type IN ({listed}) "  # noqa: S608 - constants
        "GROUP BY type, subject HAVING count(*) > 1",
        window=timedelta(hours=6),
    )


class PromiseWatch:
    """Looks at the invariants of one service and tells what is broken."""

    def __init__(
        self, service: str, database: Database, invariants: Sequence[Invariant], probes: Sequence[Probe] = ()
    ) -> None:
        self.service = service
        self.invariants = tuple(invariants)
        self._probes = tuple(probes)
        self._database = database
        self._known: dict[tuple[str, str], dict[str, None]] = {}

    def job(self) -> ClockJob:
        """The clock job that looks once a minute, in one process of the service at a time."""
        return ClockJob("promises", EVERY, self.look)

    async def look(self) -> None:
        """Looks at everything once. One look that fails is told and hinders no other."""
        for invariant in self.invariants:
            try:
                found = await self._ask(invariant)
            except Exception as error:  # noqa: BLE001 - a query that times out, or the database going away
                self._not_checked(invariant, error)
            else:
                self.report(invariant.promise, invariant.name, found)
        for probe in self._probes:
            try:
                seen = await probe.find()
            except Exception as error:  # noqa: BLE001 - as above, for whoever else was asked
                self._not_checked(probe, error)
            else:
                if seen is not None:
                    self.report(probe.promise, probe.name, seen)

    def report(self, promise: str, name: str, ids: Sequence[str]) -> None:
        """Sets the gauge to what is broken now, and tells of each id once for as long as it stays broken."""
        violations.labels(self.service, promise, name).set(min(len(ids), MOST_IDS))
        checked_at.labels(self.service, promise, name).set_to_current_time()
        before = self._known.get((promise, name), {})
        news = [found for found in ids if found not in before]
        self._known[(promise, name)] = dict.fromkeys(list(ids)[:_REMEMBERED])
        if news:
            log.error("promise_broken", service=self.service, promise=promise, name=name, ids=news[:MOST_IDS])

    def _not_checked(self, what: Invariant | Probe, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:200]
        log.warning("promise_not_checked", service=self.service, promise=what.promise, name=what.name, error=reason)

    async def _ask(self, invariant: Invariant) -> list[str]:
        now = self._database.clock.now()
        values = bounds(now, invariant)
        statement = text(f"SELECT broken.id FROM ({invariant.statement}) AS broken (id) LIMIT :most")  # noqa: S608
        used = set(_PARAMETER.findall(statement.text))
        parameters = [bindparam(name, type_=_TYPES[name]) for name in used]
        async with self._database.read() as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            for setting in (f"SET LOCAL statement_timeout = {_TIMEOUT_MS}", *_PLAN):
                await session.execute(text(setting))
            rows = await session.execute(statement.bindparams(*parameters), {name: values[name] for name in used})
            return [_public(invariant.prefix, row[0]) for row in rows]


_TYPES: dict[str, Any] = {
    "since": Uuid(),
    "until": Uuid(),
    "since_at": DateTime(timezone=True),
    "until_at": DateTime(timezone=True),
    "most": Integer(),
}


def bounds(now: datetime, invariant: Invariant) -> dict[str, Any]:
    """The values a statement may use, at this moment."""
    since, until = now - invariant.window, now - invariant.grace
    return {
        "since_at": since,
        "until_at": until,
        "since": floor_id(since),
        "until": floor_id(until),
        "most": MOST_IDS,
    }


def _public(prefix: str, value: Any) -> str:
    return encode_id(prefix, UUID(str(value))) if prefix else str(value)
