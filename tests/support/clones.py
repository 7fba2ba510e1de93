"""Databases for tests: clones of one migrated template, emptied and used again.

To copy a database takes PostgreSQL hundreds of files and a checkpoint; to empty one, a hundredth of that. A clone whose
schema, settings or statistics a test has changed, or that has grown, is dropped instead, so a test cannot tell whether
it is the first. Each test finds its database under a name of its own: what a test before has left running finds none.
"""

import contextlib
import itertools
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import asyncpg

SERVICES = ("identity", "billing", "catalog", "provisioning", "support")
_numbers = itertools.count(1)
_GROWTH = 4 * 1024 * 1024
# Whatever a statement that is not one of rows changes: objects, their privileges, settings and statistics.
_CATALOGS = (
    "pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_trigger", "pg_rewrite", "pg_policy",
    "pg_proc", "pg_type", "pg_namespace", "pg_default_acl", "pg_event_trigger", "pg_extension", "pg_statistic",
)  # fmt: skip
_SETTINGS = (
    "(SELECT count(*)::text FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase "
    "WHERE datname = current_database())"
)
# Who may connect, and how many: no catalogue of the database itself says so.
_DOOR = (
    "(SELECT concat(datacl::text, ':', datconnlimit, ':', datallowconn) FROM pg_database "
    "WHERE datname = current_database())"
)
_FINGERPRINT = " || ' ' || ".join(
    [f"(SELECT concat(count(*), ':', max(xmin::text::bigint)) FROM {catalog})" for catalog in _CATALOGS]
    + [_SETTINGS, _DOOR]
)
_SIZE = (
    "SELECT sum(pg_relation_size(oid)) FROM pg_class "
    f"WHERE relkind IN ('r', 'i', 't') AND relnamespace::regnamespace::text IN {SERVICES}"
)
_TABLES = (
    "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
    f"WHERE schemaname IN {SERVICES} AND tablename <> 'alembic_version'"
)
_SEQUENCES = (
    "SELECT format('%I.%I', schemaname, sequencename) AS name, start_value FROM pg_sequences "
    f"WHERE schemaname IN {SERVICES}"
)


@dataclass(frozen=True)
class TestDatabase:
    """One database with all five schemas, reachable as the administrator or as any service's own role."""

    __test__ = False
    admin_url: str

    @property
    def name(self) -> str:
        """What PostgreSQL calls it."""
        return urlsplit(self.admin_url).path.removeprefix("/")

    def url(self, service: str) -> str:
        """The address with which this service connects."""
        parts = urlsplit(self.admin_url)
        return urlunsplit(parts._replace(netloc=f"ez_{service}:test-{service}@{parts.hostname}:{parts.port}"))


def in_database(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def administer(url: str, *statements: str) -> None:
    """Runs statements one by one as the administrator."""
    async with connected(url) as connection:
        for statement in statements:
            await connection.execute(statement)


@contextlib.asynccontextmanager
async def connected(url: str):  # type: ignore[no-untyped-def]
    """A connection that is closed in the end."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@dataclass
class _State:
    """What a clone is like before any test has used it."""

    fingerprint: str
    size: int


@dataclass
class Clones:
    """The clones of one template on one server; used by one test after another."""

    server_url: str
    template: str
    _spare: list[tuple[str, _State]] = field(default_factory=list)
    _used: dict[str, _State] = field(default_factory=dict)
    _emptying: str = ""

    async def take(self) -> TestDatabase:
        """A database as the migrations left it."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        if self._spare:
            old, state = self._spare.pop()
            try:
                await administer(self.server_url, f"ALTER DATABASE {old} RENAME TO {name}")
            except asyncpg.ObjectInUseError:  # somebody who was left running has just come back
                await administer(self.server_url, f"DROP DATABASE {old} WITH (FORCE)")
            else:
                self._used[name] = state
                return TestDatabase(in_database(self.server_url, name))
        await administer(self.server_url, f"CREATE DATABASE {name} TEMPLATE {self.template} STRATEGY file_copy")
        database = TestDatabase(in_database(self.server_url, name))
        async with connected(database.admin_url) as connection:
            self._used[name] = await _state_of(connection)
            self._emptying = self._emptying or await _statement_that_empties(connection)
        return database

    async def give_back(self, database: TestDatabase) -> None:
        """Takes the database from the test and keeps it for the next one, or drops it."""
        before = self._used.pop(database.name)
        try:
            if await self._emptied(database, before):
                self._spare.append((database.name, before))
                return
        except (asyncpg.PostgresError, OSError):  # a test may have left anything behind
            pass
        await administer(self.server_url, f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")

    async def _emptied(self, database: TestDatabase, before: _State) -> bool:
        async with connected(database.admin_url) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            now = await _state_of(connection)
            if now.fingerprint != before.fingerprint or now.size > before.size + _GROWTH:
                return False
            await connection.execute(self._emptying)
        return True


async def _state_of(connection: asyncpg.Connection) -> _State:
    fingerprint, size = await connection.fetchrow(f"SELECT {_FINGERPRINT}, ({_SIZE})")
    return _State(fingerprint, int(size))


async def _statement_that_empties(connection: asyncpg.Connection) -> str:
    """Deletes every row and sets every sequence to its start, without triggers or foreign keys."""
    tables = [row[0] for row in await connection.fetch(_TABLES)]
    sequences = [(row["name"], row["start_value"]) for row in await connection.fetch(_SEQUENCES)]
    return "; ".join(
        [
            "SET session_replication_role = replica",
            *(f"DELETE FROM {table}" for table in tables),
            *(f"SELECT setval('{name}', {start}, false)" for name, start in sequences),
        ]
    )
