"""Wake-up calls between processes. A lost call costs one poll interval, never a row.

NOTIFY inside the writing transactions would serialise their commits on PostgreSQL's notification queue, so
it is sent afterwards, from a connection of its own, and calls that fall within 10 ms become one.
"""

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg
import structlog

log = structlog.get_logger()
_COALESCE = 0.01
_PAUSE = 1.0
# asyncpg's InternalClientError: PostgreSQL ended the session, and the connection's end was not seen yet.
_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)


async def _connect(url: str, application: str) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(url, timeout=5, server_settings={"application_name": application})


class Notifier:
    """Sends NOTIFY `<schema>_<channel>` soon after it was asked to, once for many askings.

    A channel may carry a payload after a colon: `timeline:svc_…` notifies `timeline` with `svc_…`.
    """

    def __init__(self, url: str, schema: str) -> None:
        self._url = url
        self._schema = schema
        self._pending: set[str] = set()
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def poke(self, channel: str) -> None:
        """Asks for a wake-up of `channel`; returns at once."""
        self._pending.add(channel)
        self._asked.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"{self._schema}-notifier")

    async def _run(self) -> None:
        connection: asyncpg.Connection[asyncpg.Record] | None = None
        try:
            while True:
                await self._asked.wait()
                await asyncio.sleep(_COALESCE)
                self._asked.clear()
                channels, self._pending = self._pending, set()
                try:
                    if connection is None or connection.is_closed():
                        connection = await _connect(self._url, f"{self._schema}-notify")
                    for channel in channels:
                        name, _, payload = channel.partition(":")
                        await connection.execute("SELECT pg_notify($1, $2)", f"{self._schema}_{name}", payload)
                except _LOST:  # the poll behind every listener finds the rows
                    if connection is not None:
                        connection.terminate()
                    connection = None
        finally:
            if connection is not None:
                with contextlib.suppress(*_LOST):
                    await connection.close(timeout=2)

    async def close(self) -> None:
        """Stops; calls still pending are left to the polls."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


class Listener:
    """LISTENs on a schema's channels and calls back with the payload; reconnects for ever.

    After every (re)connect all callbacks run with an empty payload: something may have been missed.
    """

    def __init__(self, url: str, schema: str, *channels: str) -> None:
        self._url = url
        self._schema = schema
        self._callbacks: dict[str, list[Callable[[str], None]]] = {channel: [] for channel in channels}
        self._task: asyncio.Task[None] | None = None

    def on(self, channel: str, callback: Callable[[str], None]) -> Callable[[], None]:
        """Calls `callback(payload)` whenever `channel` is notified; returns a function that ends this.

        Raises KeyError for a channel that was not named at construction.
        """
        callbacks = self._callbacks[channel]
        callbacks.append(callback)
        return lambda: callbacks.remove(callback)

    def start(self) -> None:
        """Begins to listen, in the background."""
        self._task = asyncio.create_task(self._run(), name=f"{self._schema}-listener")

    def _call(self, channel: str, payload: str) -> None:
        for callback in list(self._callbacks[channel]):
            callback(payload)

    async def _listen(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        for channel in self._callbacks:
            await connection.add_listener(
                f"{self._schema}_{channel}",
                lambda _connection, _pid, _name, payload, channel=channel: self._call(channel, payload),
            )
            self._call(channel, "")
        while not connection.is_closed():
            await asyncio.sleep(_PAUSE)
            await connection.fetchval("SELECT 1", timeout=5)

    async def _run(self) -> None:
        while True:
            connection = None
            try:
                connection = await _connect(self._url, f"{self._schema}-listen")
                await self._listen(connection)
            except _LOST as error:
                log.info("listener_lost", schema=self._schema, error=type(error).__name__)
            finally:
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(_PAUSE)

    async def stop(self) -> None:
        """Ends the background task."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
