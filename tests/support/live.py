"""An ASGI app on a real loopback port, for tests of what in-process transports cannot show (streams, sockets)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ez.servers import ServerGroup
from tests.support.database import free_port


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Serves `app` while the block runs; yields its address."""
    servers, port = ServerGroup(), free_port()
    await servers.start(app, port, "test")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await servers.stop()
