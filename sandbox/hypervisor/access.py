"""Who may call: an API token, or a ticket with its CSRF token on writes (Proxmox VE wiki, "Proxmox VE API")."""

import hashlib
import hmac
import time
from typing import Final

from starlette.requests import Request

from sandbox.hypervisor.models import PveError
from sandbox.hypervisor.settings import HypervisorSandboxSettings

TICKET_SECONDS: Final = 7200
_TOKEN_SCHEME: Final = "PVEAPIToken="  # noqa: S105 — the name of the scheme
_SAFE: Final = frozenset({"GET", "HEAD"})


class Access:
    """Knows the one token and the one user of this hypervisor."""

    def __init__(self, settings: HypervisorSandboxSettings) -> None:
        self._settings = settings
        secret = f"{settings.password.get_secret_value()}:{settings.token_secret.get_secret_value()}"
        # Derived, so that tickets stay good when the process is restarted.
        self._key = hashlib.sha256(secret.encode()).digest()

    def caller(self, request: Request) -> str:
        """The user or token that calls. Raises PveError 401."""
        authorization = request.headers.get("authorization", "")
        if authorization.startswith(_TOKEN_SCHEME):
            return self._token(authorization.removeprefix(_TOKEN_SCHEME))
        ticket = request.cookies.get("PVEAuthCookie")
        if ticket is None:
            raise PveError(401, "No ticket")
        user = self._ticket_user(ticket)
        if request.method not in _SAFE:
            given = request.headers.get("csrfpreventiontoken", "")
            if not hmac.compare_digest(given.encode(), self._csrf_token(user, given.partition(":")[0]).encode()):
                raise PveError(401, "Permission denied - invalid csrf token")
        return user

    def login(self, username: str, password: str) -> dict[str, object]:
        """A ticket for two hours and the CSRF token that goes with it. Raises PveError 401."""
        expected = self._settings.password.get_secret_value()
        if username != self._settings.user or not hmac.compare_digest(password.encode(), expected.encode()):
            raise PveError(401, "authentication failure")
        stamp = f"{int(time.time()):08X}"
        ticket = f"PVE:{username}:{stamp}::{self._signature('ticket', username, stamp)}"
        csrf = self._csrf_token(username, stamp)
        return {"ticket": ticket, "CSRFPreventionToken": csrf, "username": username, "cap": {}}

    def _token(self, given: str) -> str:
        name, _, secret = given.partition("=")
        expected = self._settings.token_secret.get_secret_value()
        if name != self._settings.token_id or not hmac.compare_digest(secret.encode(), expected.encode()):
            raise PveError(401, "invalid token value!")
        return name

    def _ticket_user(self, ticket: str) -> str:
        head, _, signature = ticket.partition("::")
        _, _, rest = head.partition(":")
        user, _, stamp = rest.rpartition(":")
        good = hmac.compare_digest(signature.encode(), self._signature("ticket", user, stamp).encode())
        if not good or time.time() - int(stamp, 16) > TICKET_SECONDS:
            raise PveError(401, "permission denied - invalid PVE ticket")
        return user

    def _csrf_token(self, user: str, stamp: str) -> str:
        return f"{stamp}:{self._signature('csrf', user, stamp)}"

    def _signature(self, purpose: str, user: str, stamp: str) -> str:
        return hmac.new(self._key, f"{purpose}:{user}:{stamp}".encode(), hashlib.sha256).hexdigest()
