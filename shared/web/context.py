"""The request's id, its span, one access line and its metrics, for every HTTP request (bare ASGI, no copies)."""

import re
import time
from contextvars import ContextVar

import structlog
from opentelemetry.trace import Span
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kernel.ids import new_id
from shared.telemetry import metrics
from shared.telemetry.order_trace import order_in, trace_of
from shared.telemetry.tracing import span

log = structlog.get_logger()

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9_.-]{8,80}\Z")
_QUIET = ("/health", "/metrics")


def request_id() -> str:
    """The id of the request being served; empty outside one."""
    return _request_id.get()


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header (lower-case name), straight from the ASGI scope."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


class RequestContext:
    """Gives every request an id (kept from X-Request-Id when well-formed), a span, a log line and metrics."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id")
        identity = given.decode() if given and _ACCEPTABLE.match(given) else new_id("req")
        token = _request_id.set(identity)
        started, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode())]
            await send(message)

        structlog.contextvars.bind_contextvars(service=self._service, request_id=identity)
        try:
            with span(scope["method"], _parent(scope), http__request__method=scope["method"]) as current:
                try:
                    await self._app(scope, receive, send_with_id)
                finally:
                    # Within the span, so that the line has its trace.
                    self._record(scope, status, time.perf_counter() - started, current)
        finally:
            structlog.contextvars.unbind_contextvars("service", "request_id")
            _request_id.reset(token)

    def _record(self, scope: Scope, status: int, seconds: float, current: Span) -> None:
        route = getattr(scope.get("route"), "path", "other")
        metrics.http_requests.labels(self._service, scope["method"], str(status)).inc()
        metrics.http_seconds.labels(self._service, route).observe(seconds)
        order = order_in(scope["path"])
        about = {"order_id": order} if order else {}
        current.update_name(f"{scope['method']} {route}")
        current.set_attributes({"http.route": route, "http.response.status_code": status, **about})
        if not scope["path"].startswith(_QUIET):
            ms = round(seconds * 1000, 1)
            log.info("request", method=scope["method"], route=route, status=status, ms=ms, **about)


def _parent(scope: Scope) -> str | None:
    """The trace a request belongs to: the one it came with, unless its path names an order whose trace is another."""
    given = (header(scope, b"traceparent") or b"").decode("latin-1") or None
    order = order_in(scope["path"])
    own = trace_of(order) if order else None
    return own if own is not None and (given is None or own[3:35] != given[3:35]) else given
