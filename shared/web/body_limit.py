"""A body that says it is too large is refused in the words of RFC 9457 before a byte of it is read.

One that does not say how large it is runs into Starlette's own limit while it is read, inside the app, where every
error becomes a problem document.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.web.context import header
from shared.web.problems import problem


class DeclaredBodyLimit:
    """Refuses requests whose Content-Length is over `most` bytes (413)."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves or refuses one request."""
        declared = header(scope, b"content-length") if scope["type"] == "http" else None
        if declared is not None and declared.isdigit() and int(declared[:20]) > self._most:
            answer = problem(
                413, "body-too-large", "The body is too large", f"At most {self._most} bytes are accepted."
            )
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)
