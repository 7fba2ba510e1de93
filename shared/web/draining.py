"""The end of a process that answers requests: no new ones, those in flight finish, streams are ended.

A server that is told to end waits for its requests as long as the platform gives it (EZ_DRAIN_SECONDS). A stream would
use all of that up and gain nothing, so streams watch `draining()` and end themselves; their readers connect again,
elsewhere. A request that is still not done when the time is over is answered 503.
"""

import asyncio
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.problems import problem

_draining: ContextVar[asyncio.Event | None] = ContextVar("draining", default=None)


def draining() -> asyncio.Event:
    """Set once the server that answers the current request has been told to end; never outside a server."""
    return _draining.get() or asyncio.Event()


class Draining:
    """An app that can be told to end. One per server, outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._begun = asyncio.Event()

    def begin(self) -> None:
        """Tells every stream to end."""
        self._begun.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _draining.set(self._begun)
        answering = False

        async def noticed(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except asyncio.CancelledError:
            if answering or not self._begun.is_set():
                raise
            # Not "nothing was changed": it may have come far.
            detail = (
                "This process is being replaced. Send the same request again, with the same Idempotency-Key if any."
            )
            answer = problem(503, "restarting", "Temporarily unavailable", detail, headers={"Retry-After": "1"})
            await answer(scope, receive, send)
