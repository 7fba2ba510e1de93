"""One change: one session, one transaction, the facts it publishes and the workers it wakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.base import Event
from shared.kernel import Clock, NotFound, acting
from shared.telemetry.order_trace import trace_of_fact

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact and the trace it was recorded in."""

    event: Event
    trace: str | None


class OutboxWriter(Protocol):
    """Where published facts are written, inside the caller's transaction."""

    async def write(self, session: AsyncSession, facts: Sequence[Recorded]) -> None:
        """Stores `facts` so that they leave if, and only if, the transaction commits."""
        ...


class UnitOfWork:
    """What a use case works with. It never commits: the edge that opened it does, once.

    `actor` is who set it in motion, for history and audit: a user's id, `service:…`, or `system`.
    """

    def __init__(self, session: AsyncSession, clock: Clock, outbox: OutboxWriter | None) -> None:
        self.session = session
        self.clock = clock
        self.actor = acting.get()
        self._outbox = outbox
        self._facts: list[Recorded] = []
        self.wakes: set[str] = set()

    def add(self, row: object) -> None:
        """Adds a new row to the change."""
        self.session.add(row)

    def publish(self, event: Event) -> None:
        """Records a fact; it leaves through the outbox when, and only when, the change commits."""
        self._facts.append(Recorded(event, trace_of_fact(event)))

    def wake(self, channel: str) -> None:
        """After the commit, tells the workers of `channel` that there is something to do."""
        self.wakes.add(channel)

    async def one(self, statement: Select[Row], missing: str) -> Row:
        """The single row of `statement`. Raises NotFound with `missing` as the words for a person."""
        row = (await self.session.execute(statement)).scalar_one_or_none()
        if row is None:
            raise NotFound(missing)
        return row

    async def forget_loaded(self) -> None:
        """Between two changes that share a transaction: the next one loads what it needs anew, as if it were alone."""
        await self.session.flush()
        self.session.expunge_all()

    async def before_commit(self) -> None:
        """Writes the recorded facts into the outbox, in one statement."""
        if not self._facts:
            return
        if self._outbox is None:
            raise RuntimeError("this unit of work has no outbox to publish through")
        await self.session.flush()
        await self._outbox.write(self.session, self._facts)
        self._facts = []
        self.wake("outbox")
