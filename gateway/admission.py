"""Who may come in now: one limit on requests and one on live streams, for pages, forms and the API alike.

Stripe's webhook has no limit of ours (its bytes are signed, and Stripe slows down by itself), nor have probes and the
files of the pages.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.limits import NoSlot, RateLimiter, StreamSlots, Verdict, network_of
from gateway.routing import API, WEBHOOK
from gateway.sessions import SessionResolver
from gateway.web.upstream import UpstreamAway
from shared.web.context import header
from shared.web.problems import problem

_FREE = ("/static/", "/health/", "/metrics", WEBHOOK)
_STREAM_RETRY = 10  # seconds; a browser polls meanwhile
ErrorPage = Callable[[Request, Exception], Awaitable[Response]]


class Admission:
    """Refuses with 429 and Retry-After: a problem document for the API, a page (`error_page`) for browsers."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limiter: RateLimiter,
        slots: StreamSlots,
        sessions: SessionResolver,
        error_page: ErrorPage,
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._slots = slots
        self._sessions = sessions
        self._error_page = error_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves or refuses one request."""
        if scope["type"] != "http" or scope["path"].startswith(_FREE):
            await self._app(scope, receive, send)
            return
        address = network_of(scope["client"][0] if scope.get("client") else "")
        verdict = self._limiter.check(f"address {address}")
        account = await self._account(scope) if verdict.allowed else None
        if account is not None:
            of_account = self._limiter.check(f"account {account}")
            verdict = min(verdict, of_account, key=lambda one: (one.allowed, one.remaining))
        send = _with_limits(send, verdict) if scope["path"].startswith(API) else send
        if not verdict.allowed:
            await self._refuse(scope, receive, send, "Slow down and try again.", verdict.retry_after)
        elif _is_stream(scope):
            await self._stream(scope, receive, send, account, address)
        else:
            await self._app(scope, receive, send)

    async def _account(self, scope: Scope) -> str | None:
        """Whose account this is, or who it is without one; None for visitors, and while identity is away."""
        token = self._sessions.token_of(scope)
        try:
            visitor = await self._sessions.resolve(token) if token else None
        except UpstreamAway:
            return None
        return (visitor.account_id or visitor.user_id) if visitor is not None else None

    async def _stream(self, scope: Scope, receive: Receive, send: Send, account: str | None, address: str) -> None:
        try:
            with self._slots.one(account=account, address=address):
                await self._app(scope, receive, send)
        except NoSlot:
            await self._refuse(scope, receive, send, "Too many pages of yours follow their order live.", _STREAM_RETRY)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, detail: str, retry_after: int) -> None:
        headers = {"Retry-After": str(retry_after)}
        if scope["path"].startswith(API) or _is_stream(scope):
            answer = problem(429, "too-many-requests", "Too many requests", detail, headers=headers)
        else:
            # The page is made without asking identity: a refused request costs nobody else anything.
            state: MutableMapping[str, Any] = scope.setdefault("state", {})
            state["visitor"] = None
            answer = await self._error_page(Request(scope, receive), HTTPException(429))
            answer.headers.update(headers)
        await answer(scope, receive, send)


def _is_stream(scope: Scope) -> bool:
    return b"text/event-stream" in (header(scope, b"accept") or b"") or scope["path"].endswith("/stream")


def _with_limits(send: Send, verdict: Verdict) -> Send:
    async def send_with_limits(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(name.encode(), value.encode()) for name, value in verdict.headers().items()]
            message["headers"] = [*message["headers"], *added]
        await send(message)

    return send_with_limits
