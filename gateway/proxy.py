"""The public API's path through the gateway, as bare ASGI: check, resolve the caller, forward, stream back.

Headers are forwarded by name from a short list, so nothing a client makes up about who it is, or how its body is
framed, reaches a service.
"""

import contextlib
from collections.abc import AsyncIterator

import aiohttp
from starlette.types import Receive, Scope, Send

from gateway.routing import WEBHOOK, owner_of
from gateway.security import same_origin
from gateway.sessions import SessionResolver, bearer_of
from gateway.upstreams import Upstreams, until_over
from gateway.web.upstream import UpstreamAway
from shared.web.context import header
from shared.web.problems import problem

# Preconditions (RFC 9110, section 13.1) are the service's to judge: it knows its ETags.
_CONDITIONS = (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since")
_FORWARDED = frozenset(
    {b"content-type", b"content-encoding", b"accept", b"idempotency-key", b"last-event-id", b"user-agent", *_CONDITIONS}
)
_RETURNED = frozenset(
    {"content-type", "cache-control", "etag", "last-modified", "vary", "location"}
    | {"retry-after", "idempotent-replayed", "www-authenticate"}
)
_WITHOUT_BODY = (204, 304)
_SAFE = ("GET", "HEAD")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_LARGEST = 1024 * 1024
_SESSION = "/api/v1/sessions"
# After a write it is not known whether it was done: the service may have died after its commit.
_WHAT_TO_DO = {
    True: "Try again shortly.",
    False: "Send the same request again shortly, with the same Idempotency-Key if it had one.",
}


class Refused(Exception):
    """The request goes no further; the arguments are the problem to answer with."""

    def __init__(self, status: int, slug: str, title: str, detail: str | None = None, retry_after: int = 0) -> None:
        super().__init__(slug)
        self.answer = problem(
            status, slug, title, detail, headers={"Retry-After": str(retry_after)} if retry_after else None
        )


class ApiProxy:
    """ASGI app for /api/v1/* and the Stripe webhook."""

    def __init__(self, upstreams: Upstreams, sessions: SessionResolver, *, public_url: str) -> None:
        self._upstreams = upstreams
        self._sessions = sessions
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        try:
            await self._forward(scope, receive, send)
        except Refused as refused:
            await refused.answer(scope, receive, send)
        except UpstreamAway as away:
            answer = problem(
                503,
                "service-away",
                "Temporarily unavailable",
                f"{away.service.capitalize()} is not answering. {_WHAT_TO_DO[scope['method'] in _SAFE]}",
                headers={"Retry-After": str(away.retry_after or 2)},
            )
            await answer(scope, receive, send)

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        service = owner_of(path)
        if service is None:
            raise Refused(404, "not-found", "Not found", "There is no such endpoint. See /api/v1 in the documentation.")
        if method not in _METHODS or (path == WEBHOOK and method != "POST"):
            raise Refused(405, "method-not-allowed", "Method not allowed")
        headers = self._headers(scope)
        if path == WEBHOOK:
            signature = header(scope, b"stripe-signature")
            if signature:
                headers["stripe-signature"] = signature.decode("latin-1")
        else:
            await self._authorize(scope, method, headers)
        body = await _body(scope, receive)
        query = scope.get("query_string", b"").decode("latin-1")
        target = f"{path}?{query}" if query else path
        streaming = "text/event-stream" in headers.get("accept", "") or path.endswith("/stream")
        response = await self._upstreams.request(
            service, method, target, headers=headers, body=body or None, stream=streaming
        )
        try:
            # Half an answer must not be passed on as one, so all of it is here before its first line leaves.
            whole = None if streaming else await self._upstreams.body(service, response)
            if whole is None:
                await _pass_on(response, receive, send)
            else:
                await _send(response, send, whole)
        finally:
            response.close() if streaming else response.release()

    def _headers(self, scope: Scope) -> dict[str, str]:
        forwarded = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _FORWARDED}
        client = scope.get("client")
        forwarded["x-client-ip"] = client[0] if client else ""
        return forwarded

    async def _authorize(self, scope: Scope, method: str, headers: dict[str, str]) -> None:
        bearer = _bearer(scope)
        token = bearer or self._sessions.cookie_of(scope)
        if token is None:
            return
        if bearer is None and method not in _SAFE and not same_origin(scope, self._public_url):
            raise Refused(403, "cross-site", "Cross-site request refused", "Use a bearer token outside the browser.")
        visitor = await self._sessions.resolve(token)
        if method == "DELETE" and scope["path"].startswith(_SESSION):
            self._sessions.forget(token)
        if visitor is not None:
            headers["authorization"] = f"Bearer {visitor.access_token}"
        elif bearer is not None:
            raise Refused(401, "unauthenticated", "Sign in first", "The session is over or was never valid.")


def _bearer(scope: Scope) -> str | None:
    token = bearer_of(scope)
    if token == "":
        raise Refused(401, "unauthenticated", "Sign in first", "Send Authorization: Bearer and a session token.")
    return token


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "bad-request", "The body ended early")
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _body(scope: Scope, receive: Receive) -> bytes:
    declared = header(scope, b"content-length")
    if declared is not None and not declared.isdigit():
        raise Refused(400, "bad-request", "The Content-Length header is malformed")
    if declared is not None and int(declared) > _LARGEST:
        raise Refused(413, "body-too-large", "The body is too large", f"At most {_LARGEST} bytes are accepted.")
    parts, size = [], 0
    async for chunk in _chunks(receive):
        size += len(chunk)
        if size > _LARGEST:
            raise Refused(413, "body-too-large", "The body is too large", f"At most {_LARGEST} bytes are accepted.")
        parts.append(chunk)
    return b"".join(parts)


async def _begin(response: aiohttp.ClientResponse, send: Send) -> None:
    """Passes the first lines of an answer on."""
    returned = [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in response.headers.items()
        if name.lower() in _RETURNED
    ]
    if b"cache-control" not in dict(returned):
        returned.append((b"cache-control", b"no-store"))
    length = response.headers.get("content-length")
    if length is not None and response.status not in _WITHOUT_BODY:
        returned.append((b"content-length", length.encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": returned})


async def _send(response: aiohttp.ClientResponse, send: Send, whole: bytes) -> None:
    """Passes an answer on that is here as a whole."""
    await _begin(response, send)
    await send({"type": "http.response.body", "body": whole})


async def _pass_on(response: aiohttp.ClientResponse, receive: Receive, send: Send) -> None:
    """Passes a stream on piece by piece, until either side leaves or this process ends."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    await _begin(response, send)
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):  # whoever listens connects again
        async for chunk in until_over(response, gone()):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
