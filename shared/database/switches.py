"""Switches that stop something everywhere at once, with a history of who turned them and why."""

import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, MetaData, String, Table, Text, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.columns import Instant
from shared.database.engine import Database
from shared.database.unit_of_work import UnitOfWork

# How long (seconds) a process goes by what it read: a switch acts everywhere within this time.
REMEMBERED = 0.5


@dataclass(frozen=True, slots=True)
class SwitchState:
    """How a switch stands. `engaged` means: stopped. The rest is None while nobody ever turned it."""

    name: str
    engaged: bool = False
    by: str | None = None
    reason: str | None = None
    changed_at: datetime | None = None


class Switches:
    """The switches of one schema."""

    def __init__(self, metadata: MetaData) -> None:
        self.table = Table(
            "switches",
            metadata,
            Column("name", String(40), primary_key=True),
            Column("engaged", Boolean, nullable=False),
            Column("by", String(64), nullable=False),
            Column("reason", Text, nullable=False),
            Column("changed_at", Instant, nullable=False),
        )
        self.history = Table(
            "switch_history",
            metadata,
            Column("id", BigInteger, Identity(), primary_key=True),
            Column("name", String(40), nullable=False),
            Column("engaged", Boolean, nullable=False),
            Column("by", String(64), nullable=False),
            Column("reason", Text, nullable=False),
            Column("at", Instant, nullable=False),
            Index("ix_switch_history_name_id", "name", "id"),
        )

    async def state(self, session: AsyncSession, name: str) -> SwitchState:
        """How the switch stands now."""
        row = (await session.execute(select(self.table).where(self.table.c.name == name))).mappings().one_or_none()
        return SwitchState(**row) if row is not None else SwitchState(name)

    async def turn(self, work: UnitOfWork, name: str, *, engaged: bool, reason: str) -> SwitchState:
        """Turns the switch and writes down who did and why. Turning it to where it stands changes nothing."""
        now = work.clock.now()
        wanted = {"engaged": engaged, "by": work.actor, "reason": reason, "changed_at": now}
        statement = upsert(self.table).values(name=name, **wanted)
        turned = await work.session.execute(
            statement.on_conflict_do_update(
                index_elements=[self.table.c.name], set_=wanted, where=self.table.c.engaged != engaged
            ).returning(self.table.c.name)
        )
        if turned.first() is not None:
            await work.session.execute(
                insert(self.history).values(name=name, engaged=engaged, by=work.actor, reason=reason, at=now)
            )
        return await self.state(work.session, name)


class SwitchWatch:
    """What a worker asks before each act whether a switch stops it; reads at most twice a second."""

    def __init__(self, database: Database, switches: Switches, name: str) -> None:
        self._database = database
        self._switches = switches
        self._name = name
        self._engaged = False
        self._until = 0.0

    async def engaged(self) -> bool:
        """Whether the switch is engaged, as of half a second ago at most. A database that is away is an error."""
        if time.monotonic() >= self._until:
            async with self._database.read() as session:
                self._engaged = (await self._switches.state(session, self._name)).engaged
            self._until = time.monotonic() + REMEMBERED
        return self._engaged
