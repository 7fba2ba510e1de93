"""What a service holds about an account, shown and forgotten: one list of tables per service, read by both.

Erasing takes what names or describes a person. What law or the books want kept (invoices, payments, orders) stays under
ids that lead nowhere any more. It is safe to repeat.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, Table, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database, DurableQueue, UnitOfWork
from shared.messaging.personal import forget_facts_about, leave_only_ids

ERASED = "Erased"
# RFC 2606: a domain that can never exist.
ERASED_DOMAIN = "erased.invalid"
_COPIES = "short-lived copies of what is shown elsewhere, forgotten by themselves"

Condition = Callable[[str], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Holding:
    """One table, and which of its rows are about an account.

    They are deleted with `delete`, get new values for the columns in `erase`, or stay as they are: nothing in them is
    personal. `only` narrows down what is erased; `kept` explains what stays. `secret` columns are never shown.
    """

    table: Table
    of: Condition
    erase: Mapping[str, Any] | None = None
    delete: bool = False
    only: Condition | None = None
    kept: str = ""
    secret: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Export:
    """Rows by table, column by column; and the tables that are left out, with the reason."""

    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Erasure:
    """How many rows of which tables were deleted or emptied of what is personal, and what was kept, with the reason."""

    erased: Mapping[str, int]
    kept: Mapping[str, str]


class PrivacyPort(Protocol):
    """What every service can be asked about an account; an account it never heard of has nothing."""

    async def export(self, account_id: str) -> Export:
        """Everything the service holds about the account, but secrets."""
        ...

    async def erase(self, account_id: str) -> Erasure:
        """Forgets what is personal. Safe to repeat."""
        ...


class PlumbingTables(Protocol):
    """The tables every service has, and what may be about a person in them."""

    idempotency_keys: Table
    inbox: DurableQueue
    outbox: DurableQueue


@dataclass(frozen=True, slots=True)
class Privacy:
    """The port of one service.

    `holdings` are erased in their order, in one transaction. `people` selects the ids of the account's users.
    `left_out` are further tables that are not shown, and why. `in_steps` are tables too large for one statement: each
    function empties its table of the account, committing as it goes, and says how many rows that were.
    """

    database: Database
    plumbing: PlumbingTables
    holdings: Sequence[Holding]
    people: Callable[[str], Select[str]] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    in_steps: Mapping[str, Callable[[Database, str], Awaitable[int]]] = field(default_factory=dict)

    async def export(self, account_id: str) -> Export:
        """Everything the service holds about the account, but secrets."""
        shown: dict[str, list[dict[str, Any]]] = {}
        async with self.database.read() as session:
            for held in self.holdings:
                columns = [column for column in held.table.c if column.name not in held.secret]
                rows = await session.execute(select(*columns).where(held.of(account_id)))
                shown[held.table.name] = [dict(row) for row in rows.mappings()]
        copies = (self.plumbing.idempotency_keys, self.plumbing.inbox.table, self.plumbing.outbox.table)
        return Export(shown, {**{table.name: _COPIES for table in copies}, **self.left_out})

    async def erase(self, account_id: str) -> Erasure:
        """Forgets what is personal. Safe to repeat."""
        erased: dict[str, int] = {}
        for name, forget in self.in_steps.items():
            erased[name] = await forget(self.database, account_id)
        told = {
            queue.name: await leave_only_ids(self.database, queue, account_id)
            for queue in (self.plumbing.inbox, self.plumbing.outbox)
        }
        for name, count in (await self.database.run(lambda work: self._erase(work, account_id))).items():
            erased[name] = count + told.get(name, 0)
        kept = {held.table.name: held.kept for held in self.holdings if held.kept}
        return Erasure({name: count for name, count in erased.items() if count}, kept)

    async def _erase(self, work: UnitOfWork, account_id: str) -> dict[str, int]:
        session = work.session
        about = [account_id]
        if self.people is not None:
            about.extend(await session.scalars(self.people(account_id)))
        erased = {
            queue.name: await forget_facts_about(session, queue, *about)
            for queue in (self.plumbing.inbox, self.plumbing.outbox)
        }
        keys = self.plumbing.idempotency_keys
        gone = await session.execute(delete(keys).where(keys.c.owner.in_(about)).returning(literal(1)))
        erased[keys.name] = len(gone.all())
        for held in self.holdings:
            erased[held.table.name] = await _forget(session, held, account_id)
        return erased


async def _forget(session: AsyncSession, held: Holding, account_id: str) -> int:
    if not held.delete and held.erase is None:
        return 0
    which = held.of(account_id)
    if held.only is not None:
        which = which & held.only(account_id)
    forget = delete(held.table) if held.delete else update(held.table).values(dict(held.erase or {}))
    return len((await session.execute(forget.where(which).returning(literal(1)))).all())
