"""Whatever goes wrong on the way to another server is an HttpError: callers know what to do about that."""

import socket
import struct
import threading
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.telemetry.tracing import span
from shared.web.client import HttpConnectError, HttpError, http_client
from tests.support.live import listening

# What uvloop and anyio make of a connection that is gone before anybody looked at it.
VANISHED = AttributeError("'NoneType' object has no attribute 'getpeername'")


@pytest.fixture
def resetting() -> Iterator[str]:
    """The address of a server that resets every connection as soon as it is there."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def reset_all() -> None:
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    thread = threading.Thread(target=reset_all, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


async def test_a_peer_that_resets_every_connection_is_an_http_error(resetting: str) -> None:
    async with http_client(resetting) as client:
        for _attempt in range(50):
            with pytest.raises(HttpError):
                await client.post("/anything", content=b"{}")


@pytest.mark.parametrize(
    ("failure", "told"),
    [(VANISHED, HttpConnectError), (OSError(107, "Transport endpoint is not connected"), HttpError)],
)
async def test_a_connection_that_vanished_while_it_was_made_is_an_http_error(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, told: type[Exception]
) -> None:
    async def vanish(_transport: httpx.AsyncHTTPTransport, _request: httpx.Request) -> httpx.Response:
        raise failure

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", vanish)
    async with http_client("http://127.0.0.1:9") as client:
        with pytest.raises(told) as raised:
            await client.post("/anything", content=b"{}")
    assert raised.value.__cause__ is failure


async def test_a_service_of_ours_continues_the_trace_and_strangers_are_told_nothing() -> None:
    seen: list[str | None] = []

    async def hear(request: Request) -> Response:
        seen.append(request.headers.get("traceparent"))
        return Response()

    async with listening(Starlette(routes=[Route("/", hear)])) as url:
        for traced in (True, False):
            async with http_client(url, traced=traced) as client:
                with span("asking", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"):
                    await client.get("/")
                await client.get("/")
    assert [(trace or "")[3:35] for trace in seen] == ["a" * 32, "", "", ""]
