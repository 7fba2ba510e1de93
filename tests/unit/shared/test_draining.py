"""A server that is told to end takes nothing new, finishes what is in flight, and ends its streams."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ez.servers import ServerGroup
from shared.testing import eventually
from shared.web.context import RequestContext
from shared.web.draining import draining
from tests.support.database import free_port

# Longer than any test takes: what ends earlier did not end because of it.
LONG = 3600


class Checkout:
    """An app with a request that is done when the test says so, and a stream."""

    def __init__(self) -> None:
        self.begun, self.finish = asyncio.Event(), asyncio.Event()
        routes = [Route("/checkout", self._checkout, methods=["POST"]), Route("/stream", self._stream)]
        self.app = RequestContext(Starlette(routes=routes), service="test")

    async def _checkout(self, _request: Request) -> Response:
        self.begun.set()
        await self.finish.wait()
        return JSONResponse({"paid": True})

    async def _stream(self, _request: Request) -> Response:
        async def events() -> AsyncIterator[bytes]:
            yield b": open\n\n"
            await draining().wait()
            yield b": end\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")


async def takes_no_connection(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    return False


async def test_a_checkout_in_flight_at_the_end_completes() -> None:
    checkout, servers, port = Checkout(), ServerGroup(drain=LONG), free_port()
    await servers.start(checkout.app, port, "test")
    async with aiohttp.ClientSession() as session:
        asked = asyncio.create_task(session.post(f"http://127.0.0.1:{port}/checkout"))
        await checkout.begun.wait()
        stopping = asyncio.create_task(servers.stop())
        await eventually(lambda: takes_no_connection(port), what="no new connections")
        assert not asked.done()
        checkout.finish.set()
        answer = await asked
        assert (answer.status, await answer.json()) == (200, {"paid": True})
    await stopping


async def test_what_is_not_done_in_time_is_a_problem_that_says_when_to_come_back() -> None:
    checkout, servers, port = Checkout(), ServerGroup(drain=1), free_port()
    await servers.start(checkout.app, port, "test")
    async with aiohttp.ClientSession() as session:
        asked = asyncio.create_task(session.post(f"http://127.0.0.1:{port}/checkout"))
        await checkout.begun.wait()
        await servers.stop()
        answer = await asked
        assert (answer.status, answer.content_type) == (503, "application/problem+json")
        assert answer.headers["Retry-After"] == "1"
        assert (await answer.json())["type"].endswith("/restarting")


async def test_streams_do_not_hold_the_end_up() -> None:
    checkout, servers, port = Checkout(), ServerGroup(drain=LONG), free_port()
    await servers.start(checkout.app, port, "test")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/stream") as answer,
    ):
        assert await answer.content.readuntil(b"\n\n") == b": open\n\n"
        stopping = asyncio.create_task(servers.stop())
        assert await answer.content.read() == b": end\n\n"
    await stopping


async def test_outside_a_server_nothing_drains() -> None:
    assert not draining().is_set()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(draining().wait(), 0.01)
