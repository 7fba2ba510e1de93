"""One change: one session, one transaction, the facts it publishes and the workers it wakes."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.base import Event
from shared.kernel import Clock, NotFound

Row = TypeVar("Row")


class OutboxWriter(Protocol):
    """Where published facts are written, inside the caller's transaction."""

    async def write(self, session: AsyncSession, events: Sequence[Event]) -> None:
        """Stores `events` so that they leave if, and only if, the transaction commits."""
        ...


class UnitOfWork:
    """What a use case works with. It never commits: the edge that opened it does, once."""

    def __init__(self, session: AsyncSession, clock: Clock, outbox: OutboxWriter | None) -> None:
        self.session = session
        self.clock = clock
        self._outbox = outbox
        self._events: list[Event] = []
        self.wakes: set[str] = set()

    def add(self, row: object) -> None:
        """Adds a new row to the change."""
        self.session.add(row)

    def publish(self, event: Event) -> None:
        """Records a fact; it leaves through the outbox when, and only when, the change commits."""
        self._events.append(event)

    def wake(self, channel: str) -> None:
        """After the commit, tells the workers of `channel` that there is something to do."""
        self.wakes.add(channel)

    async def one(self, statement: Select[Row], missing: str) -> Row:
        """The single row of `statement`. Raises NotFound with `missing` as the words for a person."""
        row = (await self.session.execute(statement)).scalar_one_or_none()
        if row is None:
            raise NotFound(missing)
        return row

    async def before_commit(self) -> None:
        """Writes the recorded facts into the outbox, in one statement."""
        if not self._events:
            return
        if self._outbox is None:
            raise RuntimeError("this unit of work has no outbox to publish through")
        await self.session.flush()
        await self._outbox.write(self.session, self._events)
        self._events = []
        self.wake("outbox")
