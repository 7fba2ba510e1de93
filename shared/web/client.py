"""The one module that imports httpx: every outgoing HTTP call of ours starts here.

One door, because the library behind it may change and because time limits and
certificate checks must not depend on who remembers them.
"""

import ssl

import httpx

HttpClient = httpx.AsyncClient
HttpResponse = httpx.Response
HttpError = httpx.HTTPError
HttpTimeout = httpx.TimeoutException
HttpConnectError = httpx.ConnectError


def http_client(
    base_url: str,
    *,
    headers: dict[str, str] | None = None,
    timeout: float = 10.0,
    verify: bool | str | ssl.SSLContext = True,
) -> HttpClient:
    """A client for one server. The caller closes it.

    timeout: seconds, for each of connecting, sending, receiving and waiting for a connection.
    verify: True checks certificates against the system's authorities; a path names a PEM file of
    authorities to trust instead; a context carries a check of its own; False checks nothing.
    Redirects are not followed and proxy variables of the environment are not read: what we call is configured.
    """
    context = ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=timeout,
        verify=context,
        follow_redirects=False,
        trust_env=False,
    )
