"""Requests to one Proxmox VE cluster: login, time limits, the meaning of failures, and waiting for tasks."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol
from urllib.parse import quote

from services.provisioning.adapters.capabilities import NeedsHuman, ProviderAmbiguous, ProviderUnavailable
from services.provisioning.adapters.proxmox import answers
from services.provisioning.adapters.proxmox.settings import ApiToken, Password, ProxmoxSettings
from services.provisioning.adapters.proxmox.tls import pinned_context
from shared.web.client import HttpClient, HttpConnectError, HttpError, HttpResponse

Fields = Mapping[str, str | int]
Json = dict[str, object]

_LONGEST_PAUSE: Final = 4.0
_PAUSE_GROWTH: Final = 1.4
_LOST_LOOKS: Final = 5
"""How many looks at a task may fail in a row before its outcome counts as unknown."""
_UNREADABLE: Final = object()


class HttpClientFactory(Protocol):
    """The signature of `shared.web.client.http_client`."""

    def __call__(
        self,
        base_url: str,
        *,
        headers: dict[str, str] | None = None,
        timeout: float = 10.0,
        verify: bool | str | ssl.SSLContext = True,
    ) -> HttpClient: ...


class ProxmoxApi:
    """One cluster's HTTP API. Safe for concurrent use within one event loop."""

    def __init__(self, settings: ProxmoxSettings, http: HttpClientFactory) -> None:
        self._settings = settings
        verify: bool | str | ssl.SSLContext = settings.ca_file or True
        if settings.fingerprint is not None:
            verify = pinned_context(settings.fingerprint)
        base_url = f"{settings.url.rstrip('/')}/api2/json"
        self._client = http(base_url, timeout=settings.request_timeout, verify=verify)
        self._ticket: dict[str, str] | None = None
        self._login_lock = asyncio.Lock()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def read(self, path: str, query: Fields | None = None) -> object:
        """The `data` of a GET. Raises ProviderUnavailable, ProviderRejected or NeedsHuman, or what the words name."""
        return await self._call("GET", path, query)

    async def write(self, method: str, path: str, fields: Fields | None = None) -> object:
        """The `data` of a call that changes something; ProviderAmbiguous when it may have been done."""
        return await self._call(method, path, fields)

    async def run(self, method: str, path: str, fields: Fields | None = None) -> None:
        """A call that starts a task, and the task to its end."""
        upid = await self.write(method, path, fields)
        if isinstance(upid, str) and upid.startswith("UPID:"):
            await self._finish(upid)

    async def pauses(self, seconds: float) -> AsyncIterator[None]:
        """Yield at once and then after ever longer pauses, for at most `seconds`."""
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + seconds, self._settings.poll_interval
        yield
        while clock() < deadline:
            await asyncio.sleep(min(pause, max(0.0, deadline - clock())))
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE)
            yield

    async def _finish(self, upid: str) -> None:
        """Wait for a task's exit status. "WARNINGS: n" is success with remarks in the task's log."""
        node, kind = upid.split(":")[1], upid.split(":")[5]
        lost = 0
        async for _ in self.pauses(self._settings.task_timeout):
            try:
                status = await self.read(f"/nodes/{node}/tasks/{quote(upid, safe='')}/status")
            except ProviderUnavailable as failure:
                lost += 1
                if lost >= _LOST_LOOKS:
                    raise ProviderAmbiguous(f"Lost sight of task {kind}: {failure.detail}") from failure
                continue
            lost = 0
            if isinstance(status, dict) and status.get("status") == "stopped":
                exit_status = str(status.get("exitstatus", ""))
                if exit_status == "OK" or exit_status.startswith("WARNINGS"):
                    return
                raise answers.from_exit_status(kind, exit_status)
        raise ProviderAmbiguous(f"Task {kind} still runs after {self._settings.task_timeout:g} s")

    async def _call(self, method: str, path: str, fields: Fields | None) -> object:
        """One call; a ticket that ran out is renewed once, since a 401 means that nothing was done."""
        headers = await self._authorization()
        response = await self._send(method, path, fields, headers)
        if response.status_code == 401 and isinstance(self._settings.credentials, Password):
            headers = await self._authorization(refused=headers)
            response = await self._send(method, path, fields, headers)
        return _data(response, write=method != "GET")

    async def _send(self, method: str, path: str, fields: Fields | None, headers: dict[str, str]) -> HttpResponse:
        # Proxmox VE takes parameters of a DELETE from the query only.
        in_query = method in {"GET", "DELETE"}
        given = {name: str(value) for name, value in (fields or {}).items()}
        try:
            # The client's limits are per step; this one is for the whole, so that a trickle of bytes ends too.
            async with asyncio.timeout(self._settings.request_timeout):
                return await self._client.request(
                    method, path, headers=headers, params=given if in_query else None, data=None if in_query else given
                )
        except HttpConnectError as failure:
            raise ProviderUnavailable(f"No connection to Proxmox VE: {_reason(failure)}") from None
        except (HttpError, TimeoutError) as failure:
            detail = f"No answer from Proxmox VE to {method} {path}: {_reason(failure)}"
            raise (ProviderUnavailable(detail) if method == "GET" else ProviderAmbiguous(detail)) from None

    async def _authorization(self, refused: dict[str, str] | None = None) -> dict[str, str]:
        credentials = self._settings.credentials
        if isinstance(credentials, ApiToken):
            return {"Authorization": f"PVEAPIToken={credentials.name}={credentials.secret}"}
        async with self._login_lock:
            if self._ticket is None or self._ticket == refused:
                self._ticket = await self._login(credentials)
            return self._ticket

    async def _login(self, credentials: Password) -> dict[str, str]:
        fields = {"username": credentials.user, "password": credentials.password}
        try:
            response = await self._send("POST", "/access/ticket", fields, {})
        except ProviderAmbiguous as failure:  # a login changes nothing, so its loss is no riddle
            raise ProviderUnavailable(failure.detail) from None
        data = _data(response, write=False)
        if not isinstance(data, dict) or "ticket" not in data or "CSRFPreventionToken" not in data:
            raise NeedsHuman("Proxmox VE wants more than a password for this user")
        return {
            "Cookie": f"PVEAuthCookie={data['ticket']}",
            "CSRFPreventionToken": str(data["CSRFPreventionToken"]),
        }


def _data(response: HttpResponse, *, write: bool) -> object:
    body = _parsed(response.content)
    if response.status_code >= 400:
        raise answers.from_status(
            response.status_code, _words(response, body), write=write, retry_after=_retry_after(response)
        )
    if response.status_code >= 300 or not isinstance(body, dict) or "data" not in body:
        detail = f"Proxmox VE answered {response.status_code} with something unreadable"
        raise ProviderAmbiguous(detail) if write else ProviderUnavailable(detail)
    return body["data"]


def _parsed(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return _UNREADABLE


def _words(response: HttpResponse, body: object) -> str:
    """The message: in the body since Proxmox VE 8, in the status line before. Parameter errors are added."""
    words = response.reason_phrase
    if isinstance(body, dict):
        words = str(body.get("message") or words).strip()
        errors = body.get("errors")
        if isinstance(errors, dict):
            words += " " + "; ".join(f"{name}: {str(problem).strip()}" for name, problem in errors.items())
    return words


def _retry_after(response: HttpResponse) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() else None


def _reason(failure: Exception) -> str:
    return f"{type(failure).__name__} {failure}".strip()
