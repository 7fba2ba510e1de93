"""Cross-site request forgery: refused twice, by where the request came from and by a token only our forms hold.

1. Fetch metadata and `Origin`: a browser says which site made the request, and pages cannot forge it
   (W3C Fetch Metadata; RFC 6454 section 7). Absent headers (old browsers, command-line clients) decide nothing.
2. A synchronizer token bound to the session, or to a random pre-session cookie while nobody is signed in.
   It is an HMAC over a fresh nonce, so two renderings never carry the same bytes (BREACH, CVE-2013-3587).

`gateway.web.visit` applies `verify` to every unsafe route; no page can forget it.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from gateway.web.upstream import Visitor, WebSettings

FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NONCE_BYTES = 16
_COOKIE_MAX_AGE = 24 * 3600


class ForgeryRefused(Exception):
    """The request did not prove that it came from one of our own pages."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Csrf:
    """Tokens for one request. `token()` mints a pre-session secret when there is nothing to bind to yet."""

    settings: WebSettings
    visitor: Visitor | None
    cookie: str | None
    _minted: str | None = field(default=None, init=False)

    @classmethod
    def of(cls, request: Request, visitor: Visitor | None, settings: WebSettings) -> "Csrf":
        return cls(settings, visitor, request.cookies.get(cookie_name(settings)))

    def token(self) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _encode(nonce + self._signature(nonce, self._binding(mint=True)))

    def verify(self, request: Request, token: str | None) -> None:
        """Raises `ForgeryRefused` unless `request` came from our own page and `token` is ours."""
        _refuse_foreign_origin(request, self.settings)
        binding = self._binding(mint=False)
        if not token or not binding:
            raise ForgeryRefused("token missing")
        try:
            raw = base64.urlsafe_b64decode(token.encode("ascii"))
        except ValueError as error:
            raise ForgeryRefused("token malformed") from error
        nonce, signature = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(nonce, binding)):
            raise ForgeryRefused("token does not belong to this session")

    def attach(self, response: Response) -> None:
        """Set the pre-session cookie when a token was minted against a new one."""
        if self._minted is not None:
            response.set_cookie(
                cookie_name(self.settings),
                self._minted,
                max_age=_COOKIE_MAX_AGE,
                path="/",
                secure=self.settings.secure_cookies,
                httponly=True,
                samesite="lax",
            )

    def _binding(self, *, mint: bool) -> str:
        if self.visitor is not None:
            return f"session:{self.visitor.session_id}"
        if not self.cookie and mint:
            self.cookie = self._minted = secrets.token_urlsafe(32)
        return f"browser:{self.cookie}" if self.cookie else ""

    def _signature(self, nonce: bytes, binding: str) -> bytes:
        return hmac.new(self.settings.csrf_secret, nonce + binding.encode(), hashlib.sha256).digest()


def cookie_name(settings: WebSettings) -> str:
    return "__Host-ez_csrf" if settings.secure_cookies else "ez_csrf"


def _refuse_foreign_origin(request: Request, settings: WebSettings) -> None:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise ForgeryRefused(f"sent from a {site} page")
        return
    origin = request.headers.get("origin")
    if origin is None:
        return
    parts = urlsplit(origin)
    own = {urlsplit(settings.public_url).netloc, request.headers.get("host", "")}
    if parts.scheme not in {"http", "https"} or parts.netloc not in own:
        raise ForgeryRefused("sent from a foreign origin")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii")
