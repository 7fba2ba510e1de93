"""The one module that imports httpx: every outgoing HTTP call of ours starts here.

One place, because the library behind it may change and because time limits and
certificate checks must not depend on who remembers them.
"""

import ssl

import httpx

from shared.telemetry.tracing import current_traceparent

HttpClient = httpx.AsyncClient
HttpResponse = httpx.Response
HttpError = httpx.HTTPError
HttpTimeout = httpx.TimeoutException
HttpConnectError = httpx.ConnectError


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's own transport, whose every failure is an HttpError.

    A peer that resets a connection the moment it is made leaves uvloop's transport without a socket, and anyio asks
    that missing socket for its address: an AttributeError, before anything was sent.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request. Raises HttpError."""
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            raise httpx.ConnectError("The connection was reset while it was being made", request=request) from error
        except OSError as error:
            raise httpx.NetworkError(f"{type(error).__name__}: {error}", request=request) from error


def http_client(
    base_url: str,
    *,
    headers: dict[str, str] | None = None,
    timeout: float = 10.0,
    verify: bool | str | ssl.SSLContext = True,
    traced: bool = False,
) -> HttpClient:
    """A client for one server. The caller closes it.

    timeout: seconds, for each of connecting, sending, receiving and waiting for a connection.
    verify: True checks certificates against the system's authorities; a path names a PEM file of
    authorities to trust instead; a context carries a check of its own; False checks nothing.
    traced: for a service of ours, which continues the trace of whatever asks it; others are told nothing of it.
    Redirects are not followed and proxy variables of the environment are not read: what we call is configured.
    """
    context = ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=timeout,
        transport=_Transport(verify=context, trust_env=False),
        follow_redirects=False,
        trust_env=False,
        event_hooks={"request": [_continue_trace]} if traced else None,
    )


async def _continue_trace(request: httpx.Request) -> None:
    current = current_traceparent()
    if current is not None:
        request.headers["traceparent"] = current
