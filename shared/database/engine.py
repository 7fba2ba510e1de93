"""The connection to one service's schema, and the one way to run a change."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from shared.database.notify import Notifier
from shared.database.unit_of_work import OutboxWriter, UnitOfWork
from shared.kernel import Clock, SystemClock
from shared.kernel.crashpoints import reach

Result = TypeVar("Result")

# serialization_failure and deadlock_detected: PostgreSQL rolled back and says "try again" (appendix A).
_RETRYABLE = frozenset({"40001", "40P01"})
_TRIES = 6
CONNECT_TIMEOUT = 5.0  # seconds until a connection must be open
LOCK_TIMEOUT = 5000  # milliseconds that a statement waits for somebody else's lock
# Class 08 (connection), 57P0x (shut down, crash, cannot connect now), class 53 (no connection, memory or disk space
# left), 25P03 (our transaction idled too long), 28 (the role is locked or its password is not the one we have).
_AWAY_STATES = ("08", "57P", "53", "25P03", "28")
# Said to a new connection: the database accepts none (55000), is not there (3D000), or is not for this role (42501).
# In the middle of a transaction the same codes mean that a statement is wrong.
_SHUT_STATES = ("55000", "3D000", "42501")


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's five-character error code, empty when the error does not carry one."""
    original = getattr(error, "orig", error)
    return str(getattr(original, "sqlstate", None) or getattr(original.__cause__, "sqlstate", None) or "")


def is_away(error: BaseException) -> bool:
    """Whether `error` means that the database cannot be reached now, rather than that a statement is wrong."""
    if isinstance(error, PoolTimeout | ConnectionError | asyncpg.InterfaceError | OSError):
        return True
    # InternalClientError: PostgreSQL ended the session, and the connection's end was not seen yet.
    if isinstance(error, InterfaceError | asyncpg.PostgresConnectionError | asyncpg.InternalClientError):
        return True
    if isinstance(error, DBAPIError):
        state = sqlstate(error)
        gone = isinstance(error, OperationalError) and not state
        shut = error.statement is None and state in _SHUT_STATES
        return error.connection_invalidated or gone or shut or state.startswith(_AWAY_STATES)
    return sqlstate(error).startswith((*_AWAY_STATES, *_SHUT_STATES))


def is_busy(error: BaseException) -> bool:
    """Whether somebody else held a lock for so long that PostgreSQL gave the statement up (lock_not_available)."""
    return sqlstate(error) == "55P03"


def sqlalchemy_url(url: str) -> str:
    """A plain `postgresql://` address as SQLAlchemy wants it for asyncpg, which calls `sslmode` `ssl`."""
    parts = urlsplit(url)
    query = [("ssl" if name == "sslmode" else name, value) for name, value in parse_qsl(parts.query)]
    return parts._replace(scheme="postgresql+asyncpg", query=urlencode(query)).geturl()


class Database:
    """One service's PostgreSQL: an engine, its units of work, and its wake-up calls."""

    def __init__(
        self,
        url: str,
        schema: str,
        *,
        clock: Clock | None = None,
        outbox: OutboxWriter | None = None,
        pool_size: int = 8,
        application: str = "",
    ) -> None:
        self.url = url
        self.schema = schema
        self.clock = clock or SystemClock()
        self._outbox = outbox
        self.engine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=4,
            pool_timeout=10,
            pool_recycle=1800,
            pool_pre_ping=False,
            hide_parameters=True,  # an error's text goes into logs and rows; what it was about may be a person
            connect_args={
                "timeout": CONNECT_TIMEOUT,
                "command_timeout": 30,
                "server_settings": {
                    "application_name": application or schema,
                    "search_path": schema,
                    # A process that froze inside a transaction must not keep its row locks for ever, nor those who
                    # wait for them keep everybody behind them waiting.
                    "idle_in_transaction_session_timeout": "60000",
                    "lock_timeout": str(LOCK_TIMEOUT),
                },
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self.notifier = Notifier(url, schema)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[UnitOfWork]:
        """One transaction. Commits when the block ends well, rolls back when it does not."""
        async with self._sessions() as session:
            work = UnitOfWork(session, self.clock, self._outbox)
            async with session.begin():
                yield work
                await work.before_commit()
                await session.flush()
                reach(f"{self.schema}.before_commit")
            reach(f"{self.schema}.after_commit")
        for channel in work.wakes:
            self.notifier.poke(channel)

    async def run(self, change: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
        """Runs `change` in a unit of work, again from the start after a deadlock or serialization failure.

        `change` must therefore keep its effects inside the transaction.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                async with self.work() as work:
                    return await change(work)
            except DBAPIError as error:
                if sqlstate(error) not in _RETRYABLE or attempt == _TRIES:
                    raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable: the last attempt returns or raises")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for queries only; whatever it did is rolled back."""
        async with self._sessions() as session:
            yield session

    async def ping(self) -> None:
        """Raises when the database does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Closes every connection."""
        await self.notifier.close()
        await self.engine.dispose()

    def __repr__(self) -> str:
        return f"Database(schema={self.schema!r})"  # the address holds a password


def raw_parameters(url: str, schema: str) -> dict[str, Any]:
    """What asyncpg needs for a connection of its own (LISTEN, hot paths) beside the pool."""
    return {
        "dsn": url,
        "timeout": CONNECT_TIMEOUT,
        "server_settings": {"search_path": schema, "application_name": f"{schema}-raw"},
    }
