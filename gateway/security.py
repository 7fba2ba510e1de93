"""What holds for every answer: known hosts only, and headers that tell the browser to be strict."""

from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.context import header
from shared.web.problems import problem

_HSTS = b"max-age=63072000; includeSubDomains; preload"


class SecurityHeaders:
    """Refuses unknown hosts (400) and adds the security headers; ours win over whatever a page set."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], checkout_origin: str, secure: bool) -> None:
        self._app = app
        self._hosts = hosts
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
            f"img-src 'self' data:; form-action 'self' {checkout_origin}; frame-ancestors 'none'; base-uri 'none'"
        )
        self._headers: list[tuple[bytes, bytes]] = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"strict-origin-when-cross-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ]
        if secure:
            self._headers.append((b"strict-transport-security", _HSTS))
        self._names = {name for name, _value in self._headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [item for item in message["headers"] if item[0].lower() not in self._names]
                message["headers"] = [*kept, *self._headers]
            await send(message)

        refused = self._refusal(scope)
        await (refused or self._app)(scope, receive, send_strictly)

    def _refusal(self, scope: Scope) -> Response | None:
        """Probes and scrapers come by the process's own address; visitors come by a name, and see no metrics."""
        path, known = scope["path"], self._knows(scope)
        if path == "/metrics":
            return problem(404, "not-found", "Not found") if known else None
        if not known and not path.startswith("/health/"):
            return problem(400, "unknown-host", "This host name is not served here")
        return None

    def _knows(self, scope: Scope) -> bool:
        host = (header(scope, b"host") or b"").decode("latin-1").lower()
        return host in self._hosts or urlsplit(f"//{host}").hostname in self._hosts


def same_origin(scope: Scope, public_url: str) -> bool:
    """Whether a browser says that this request comes from our own pages (Fetch Metadata, then Origin)."""
    site = header(scope, b"sec-fetch-site")
    if site is not None:
        return site in (b"same-origin", b"none")
    origin = header(scope, b"origin")
    return origin is not None and origin.decode("latin-1") == public_url
