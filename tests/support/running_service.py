"""What a test asks of any running service: to hear a fact, what it has published, what its rows say."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.contracts.base import Event
from shared.database import Database
from shared.kernel.ids import uuid7
from shared.messaging import Consumer, Message, decode, encode
from shared.web.service import Service


class RunningService:
    """A composed service. Tables are named without their schema: a service sees no other."""

    service: Service

    @property
    def database(self) -> Database:
        """Its database."""
        return self.service.database

    @property
    def consumer(self) -> Consumer:
        """The consumer that its own worker runs."""
        consumer = self.service.worker._consumer
        assert consumer is not None
        return consumer

    async def hear(self, event: Event, event_id: UUID | None = None) -> UUID:
        """Delivers a fact of another service as the bus would; returns its id."""
        identity = event_id or uuid7()
        body = encode(event, identity, self.database.clock.now(), None)
        await self.consumer.receive(Message(str(identity), event.wire_type, body))
        return identity

    async def facts(self, wire_type: str = "") -> list[dict[str, Any]]:
        """The payloads of the facts in its outbox whose type begins like this, oldest first."""
        return [found.data for found in await self._outbox(f"type LIKE '{wire_type}%'")]

    async def published(self, kind: type[Event]) -> list[Any]:
        """Every fact of this kind in its outbox, oldest first."""
        return [found.event() for found in await self._outbox(f"type = '{kind.wire_type}'")]

    async def _outbox(self, where: str) -> list[Any]:
        # Facts about people lose their body once they were sent.
        rows = await self.rows(f"outbox WHERE {where} AND length(body) > 0 ORDER BY id", "body")
        return [decode(bytes(row["body"])) for row in rows]

    async def rows(self, table: str, columns: str = "*") -> list[dict[str, Any]]:
        """All rows of a table."""
        async with self.database.read() as session:
            return [dict(row) for row in (await session.execute(text(f"SELECT {columns} FROM {table}"))).mappings()]

    async def count(self, table: str, where: str = "true") -> int:
        """How many rows of a table are like this."""
        async with self.database.read() as session:
            return int((await session.execute(text(f"SELECT count(*) FROM {table} WHERE {where}"))).scalar_one())

    async def execute(self, statement: str, **values: Any) -> None:
        """Changes something behind the service's back: what a clock or an operator would do."""
        async with self.database.work() as work:
            await work.session.execute(text(statement), values)
