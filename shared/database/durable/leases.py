"""Rows under a lease: taken by one worker, kept while it works, and given a final state by nobody else."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Integer,
    Interval,
    Table,
    any_,
    bindparam,
    column,
    exists,
    func,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate

from shared.database.durable.rows import Claimed, LeaseLost


class LeasedRows:
    """Claim, extend and complete the rows of one durable table.

    `lease` is how long (seconds) a claim hides a row; a worker renews it while it works, so it is how soon a crash is
    noticed. `in_order_of` names a column: of the rows that share its value only the oldest can be claimed, so they are
    handled one after another, in the order in which PostgreSQL stored them.
    """

    def __init__(self, name: str, table: Table, *, lease: float, in_order_of: str | None) -> None:
        self.name = name
        self.table = table
        self.lease = lease
        self.key: Column[Any] = next(iter(table.primary_key.columns))
        self._in_order_of = in_order_of

    async def claim(self, session: AsyncSession, limit: int) -> list[Claimed]:
        """Takes up to `limit` rows that are due, skipping rows others are taking (SKIP LOCKED)."""
        token = uuid.uuid4()
        given = {"most": limit, "new_token": token, "lease": timedelta(seconds=self.lease)}
        claimed = await session.execute(self._claim, given)
        names = tuple(claimed.keys())
        rows = [dict(zip(names, row, strict=True)) for row in claimed]  # a row's own mapping asks for each name anew
        rows.sort(key=lambda row: row[self.key.name])
        return [Claimed(row[self.key.name], token, row["attempts"], row) for row in rows]

    @cached_property
    def _claim(self) -> ReturningUpdate[Any]:
        """Built once: workers claim all the time, and putting the statement together costs more than running it."""
        table = self.table
        # statement_timestamp(), because no index can serve a comparison with a clock that moves while it is read.
        due = (
            select(self.key)
            .where(table.c.state == "ready", table.c.next_attempt_at <= func.statement_timestamp(), *self._oldest())
            .order_by(table.c.next_attempt_at)
            .limit(bindparam("most", type_=Integer))
            .with_for_update(skip_locked=True, of=table)
            .cte("due")
        )
        return (
            update(table)
            .where(self.key == due.c[self.key.name])
            .values(
                lease_token=bindparam("new_token", type_=table.c.lease_token.type),
                attempts=table.c.attempts + 1,
                next_attempt_at=func.clock_timestamp() + bindparam("lease", type_=Interval),
            )
            .returning(*table.c)
        )

    def _oldest(self) -> list[ColumnElement[bool]]:
        """The condition that nothing older waits in the same order; a claimed row waits too, until it is done."""
        if self._in_order_of is None:
            return []
        mine, older = self.table, self.table.alias("older")
        return [
            ~exists().where(
                older.c.state == "ready",
                older.c[self._in_order_of] == mine.c[self._in_order_of],
                tuple_(older.c.created_at, older.c[self.key.name]) < tuple_(mine.c.created_at, self.key),
            )
        ]

    async def extend(self, session: AsyncSession, *claimed: Claimed) -> None:
        """Starts the lease anew for the rows of one claim that still are ours. Raises LeaseLost when none is."""
        given = self._given([item.id for item in claimed], claimed[0].lease)
        extended = await session.execute(self._extend, {**given, "lease": timedelta(seconds=self.lease)})
        if extended.first() is None:
            raise LeaseLost(f"{self.name}: the lease on {claimed[0].id} was lost")

    @cached_property
    def _extend(self) -> ReturningUpdate[Any]:
        moved = func.clock_timestamp() + bindparam("lease", type_=Interval)
        return update(self.table).where(*self._held_by_us()).values(next_attempt_at=moved).returning(self.key)

    def _held_by_us(self) -> list[ColumnElement[bool]]:
        """Rows by their keys, as one array: one statement whatever their number, where IN would be another for each."""
        keys = bindparam("ids", type_=ARRAY(self.key.type))
        token = bindparam("our_token", type_=self.table.c.lease_token.type)
        return [self.key == any_(keys), self.table.c.lease_token == token]

    def _given(self, ids: Sequence[Any], lease: uuid.UUID) -> dict[str, Any]:
        return {"ids": ids, "our_token": lease}

    async def complete(self, session: AsyncSession, claimed: Claimed, **values: Any) -> None:
        """Marks the row done, in the transaction of its effect. Raises LeaseLost when it is no longer ours."""
        await self._write(
            session,
            claimed,
            state="done",
            lease_token=None,
            finished_at=func.clock_timestamp(),
            last_error=None,
            **values,
        )

    async def complete_many(self, session: AsyncSession, ids: Sequence[Any], lease: uuid.UUID, **values: Any) -> int:
        """Marks the rows of one claim done in one statement; says how many still were ours."""
        statement = self._complete_many.values(**values) if values else self._complete_many
        done = await session.execute(statement, self._given(ids, lease))
        return len(done.all())

    @cached_property
    def _complete_many(self) -> ReturningUpdate[Any]:
        return (
            update(self.table)
            .where(*self._held_by_us())
            .values(state="done", lease_token=None, finished_at=func.clock_timestamp(), last_error=None)
            .returning(self.key)
        )

    async def complete_each(self, session: AsyncSession, done: Sequence[tuple[Claimed, Mapping[str, Any]]]) -> None:
        """Marks rows of one claim done, each with values of its own (of the same columns), in one statement.

        Raises LeaseLost when any of them is no longer ours: then nothing of the transaction may stay.
        """
        names = list(done[0][1])
        columns = [self.key, *(self.table.c[name] for name in names)]
        rows = [(item.id, *(fields[name] for name in names)) for item, fields in done]
        # Arrays, because one statement then serves batches of every size.
        arrays = [
            literal(list(each), ARRAY(of.type)) for of, each in zip(columns, zip(*rows, strict=True), strict=True)
        ]
        given = (
            func.unnest(*arrays)
            .table_valued(*(column(of.name, of.type) for of in columns), name="given")
            .render_derived()
        )
        written = await session.execute(
            update(self.table)
            .where(self.key == given.c[self.key.name], self.table.c.lease_token == done[0][0].lease)
            .values(
                state="done",
                lease_token=None,
                finished_at=func.clock_timestamp(),
                last_error=None,
                **{name: given.c[name] for name in names},
            )
            .returning(self.key)
        )
        if len(written.all()) != len(done):
            raise LeaseLost(f"{self.name}: the lease on some of {len(done)} rows was lost")

    async def postpone(self, session: AsyncSession, claimed: Claimed, seconds: float) -> None:
        """Gives the row back until later without counting the attempt: it waits for something, it did not fail."""
        await self._write(
            session,
            claimed,
            lease_token=None,
            attempts=self.table.c.attempts - 1,
            next_attempt_at=func.clock_timestamp() + timedelta(seconds=seconds),
        )

    async def _write(self, session: AsyncSession, claimed: Claimed, **values: Any) -> str:
        """Writes to a row that is ours; returns the state it is in now."""
        written = await session.execute(
            update(self.table)
            .where(self.key == claimed.id, self.table.c.lease_token == claimed.lease)
            .values(**values)
            .returning(self.table.c.state)
        )
        state: str | None = written.scalar_one_or_none()
        if state is None:
            raise LeaseLost(f"{self.name}: the lease on {claimed.id} was lost")
        return state
