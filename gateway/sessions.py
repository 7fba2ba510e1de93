"""Who is asking: the session token becomes a visitor, by asking identity and remembering for half a second.

The memory is short on purpose: a session that was revoked is dead everywhere within one second.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from gateway.upstreams import Upstreams
from gateway.web.upstream import UpstreamAway, Visitor
from shared.contracts.permissions import permissions_of
from shared.web.context import header
from shared.web.tokens import TokenSigner

REMEMBERED = 0.5
_MOST = 5000
_PREFIX = "ezs_"


def bearer_of(scope: Scope) -> str | None:
    """The bearer token of a request; empty when its Authorization header is something else."""
    value = header(scope, b"authorization")
    if value is None:
        return None
    scheme, _, token = value.decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class SessionResolver:
    """Turns session tokens into visitors and writes the session cookie."""

    def __init__(self, upstreams: Upstreams, signing_key: str, *, secure: bool) -> None:
        self._upstreams = upstreams
        self._signer = TokenSigner(signing_key)
        self._secure = secure
        self.cookie = "__Host-ez_session" if secure else "ez_session"
        self._known: OrderedDict[bytes, tuple[float, Visitor | None]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Future[Visitor | None]] = {}

    def token_in(self, request: Request) -> str | None:
        """The session token in the browser's cookie."""
        return self.cookie_of(request.scope)

    def cookie_of(self, scope: Scope) -> str | None:
        """The session token in the cookie header, whatever else is in there (RFC 6265, section 5.4)."""
        wanted = self.cookie.encode()
        for pair in (header(scope, b"cookie") or b"").split(b";"):
            name, _, value = pair.strip().partition(b"=")
            if name == wanted:
                return value.strip(b'"').decode("latin-1")
        return None

    def token_of(self, scope: Scope) -> str | None:
        """The session token a request carries: as a bearer token, or in the browser's cookie."""
        return bearer_of(scope) or self.cookie_of(scope)

    async def visitor(self, request: Request) -> Visitor | None:
        """The visitor behind the browser's cookie; None when there is no valid session."""
        if not hasattr(request.state, "visitor"):
            token = self.token_in(request)
            request.state.visitor = await self.resolve(token) if token else None
        found: Visitor | None = request.state.visitor
        return found

    async def renew(self, request: Request) -> Visitor | None:
        """The visitor as identity knows them now, whatever is remembered."""
        self.forget(self.token_in(request))
        del request.state.visitor
        return await self.visitor(request)

    async def resolve(self, token: str) -> Visitor | None:
        """The visitor a session token stands for. Raises UpstreamAway when identity cannot say."""
        if not token.startswith(_PREFIX) or not 20 <= len(token) <= 128:
            return None
        key = hashlib.sha256(token.encode()).digest()
        known = self._known.get(key)
        if known and known[0] > time.monotonic():
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.ensure_future(self._ask(token, key))
            asking.add_done_callback(lambda _done: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    async def _ask(self, token: str, key: bytes) -> Visitor | None:
        answer = await self._upstreams.call(
            "identity",
            "POST",
            "/internal/sessions/resolve",
            json={"token": token},
            visitor=None,
            headers={"authorization": f"Bearer {self._signer.for_service('identity')}"},
        )
        if answer.status not in (200, 401):
            raise UpstreamAway("identity", 2)
        found = _visitor(answer.data) if answer.status == 200 else None
        self._known[key] = (time.monotonic() + REMEMBERED, found)
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found

    def forget(self, token: str | None) -> None:
        """Drops what is remembered of a token, when its session has just been ended through us."""
        if token:
            self._known.pop(hashlib.sha256(token.encode()).digest(), None)

    def sign_in(self, response: Response, token: str, expires_at: datetime) -> None:
        """Sets the session cookie."""
        response.set_cookie(
            self.cookie, token, expires=expires_at, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def sign_out(self, response: Response) -> None:
        """Expires the session cookie."""
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="lax")


def _visitor(data: dict[str, Any]) -> Visitor:
    principal = data["principal"]
    granted = principal.get("permissions")
    if granted is None:  # an identity of the version before says roles only
        granted = permissions_of(principal["role"], principal["staff_roles"])
    return Visitor(
        user_id=principal["user_id"],
        email=principal["email"],
        name=principal["name"],
        account_id=principal["account_id"],
        account_name=principal["account_name"],
        role=principal["role"],
        staff_roles=tuple(principal["staff_roles"]),
        session_id=principal["session_id"],
        access_token=data["access_token"],
        permissions=frozenset(granted),
    )
