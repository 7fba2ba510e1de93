"""ASGI servers that share one event loop and leave signals to whoever runs them."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from shared.web.draining import Draining


class PortBusy(Exception):
    """Another program listens on the port."""

    def __init__(self, port: int, what: str) -> None:
        super().__init__(
            f"Port {port} ({what}) is already in use. Stop the program that listens there, or choose another base "
            f"port: make up PORT=8100"
        )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signal handlers alone: one process runs many servers."""
        yield


class ServerGroup:
    """HTTP servers started together and stopped in reverse order.

    `drain`: how many seconds requests in flight may still take once a server is told to stop.
    """

    def __init__(self, *, drain: int = 3) -> None:
        self._drain = drain
        self._running: list[tuple[Draining, _Server, asyncio.Task[None]]] = []

    async def start(self, app: Any, port: int, what: str, *, host: str = "127.0.0.1", trusted: str = "") -> None:
        """Serves `app` and returns once it answers. Raises PortBusy."""
        listener = _bind(host, port, what)
        drained = Draining(app)
        config = uvicorn.Config(
            drained,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            date_header=True,
            proxy_headers=bool(trusted),
            forwarded_allow_ips=trusted or None,
            timeout_graceful_shutdown=self._drain,
            timeout_keep_alive=35,
            h11_max_incomplete_event_size=32 * 1024,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]), name=f"server-{what}")
        while not server.started:
            if task.done():
                await task
                raise RuntimeError(f"{what} stopped while starting; its log says why")
            await asyncio.sleep(0.01)
        self._running.append((drained, server, task))

    async def stop(self) -> None:
        """Stops every server, the last started first: it takes no new request and finishes those in flight."""
        for drained, server, task in reversed(self._running):
            drained.begin()
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._running = []

    async def wait(self) -> None:
        """Returns when any server ends."""
        await asyncio.wait([task for _drained, _server, task in self._running], return_when=asyncio.FIRST_COMPLETED)


def _bind(host: str, port: int, what: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortBusy(port, what) from error
        raise
    return listener
