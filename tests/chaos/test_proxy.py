"""The proxy cuts, silences, refuses and delays what it is told to, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from shared.testing import eventually
from tests.chaos.links import Links, ProxyRefused
from tests.chaos.proxy import HOST

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
QUIET = 0.4


class EchoServer:
    """Sends back what it gets; `ended` is set when a client's end has reached it."""

    def __init__(self) -> None:
        self.port = 0
        self.received = b""
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self.received += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.ended.set()
            writer.close()


@asynccontextmanager
async def _echo() -> AsyncIterator[EchoServer]:
    echo = EchoServer()
    server = await asyncio.start_server(echo.serve, HOST, 0)
    echo.port = server.sockets[0].getsockname()[1]
    try:
        yield echo
    finally:
        server.close()


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[EchoServer]:
    """A server behind the link `one`."""
    async with _echo() as server:
        yield server


@pytest_asyncio.fixture
async def links(echo: EchoServer, tmp_path: Path) -> AsyncIterator[Links]:
    """A proxy with two links to the same server."""
    started = Links({"one": echo.port, "other": echo.port}, tmp_path / "proxy.log")
    try:
        await started.start()
        yield started
    finally:
        await started.stop()


async def _connect(links: Links, link: str = "one") -> Stream:
    return await asyncio.open_connection(HOST, links.ports[link])


async def _says(stream: Stream, text: bytes) -> bytes:
    stream[1].write(text)
    return await asyncio.wait_for(stream[0].readexactly(len(text)), 60)


async def _is_silent(stream: Stream, text: bytes) -> bool:
    stream[1].write(text)
    try:
        return await asyncio.wait_for(stream[0].read(1), QUIET) == b"never"
    except TimeoutError:
        return True


async def _is_reset(stream: Stream) -> bool:
    try:
        return await asyncio.wait_for(stream[0].read(1), 60) == b"never"
    except ConnectionResetError:
        return True


async def test_bytes_pass_both_ways_and_ends_are_passed_on(links: Links, echo: EchoServer) -> None:
    stream = await _connect(links)
    large = bytes(range(256)) * 4096
    assert await _says(stream, large) == large
    stream[1].close()
    await asyncio.wait_for(echo.ended.wait(), 60)


async def test_cutting_one_connection_resets_it_and_leaves_the_others(links: Links, echo: EchoServer) -> None:
    first, second, elsewhere = await _connect(links), await _connect(links), await _connect(links, "other")
    for stream in (first, second, elsewhere):
        await _says(stream, b"hello")
    assert (await links.order("cut", "one", which="one", pick=0.0))["touched"] == 1
    assert await _is_reset(first)
    assert await _says(second, b"still here") == b"still here"
    assert await _says(elsewhere, b"here too") == b"here too"
    assert (await links.order("cut", "one"))["touched"] == 1
    assert await _is_reset(second)
    await asyncio.wait_for(echo.ended.wait(), 60)


@pytest.mark.parametrize(
    ("direction", "reaches_the_server"), [("to_server", False), ("to_client", True), ("both", False)]
)
async def test_a_half_open_connection_swallows_without_a_sign(
    links: Links, echo: EchoServer, direction: str, reaches_the_server: bool
) -> None:
    stream = await _connect(links)
    await _says(stream, b"before")
    await links.order("half_open", "one", direction=direction)
    assert await _is_silent(stream, b"after")
    assert (echo.received == b"beforeafter") is reaches_the_server
    fresh = await _connect(links)
    assert await _says(fresh, b"new ones pass") == b"new ones pass"


async def test_the_end_of_a_half_open_connection_is_swallowed_too(links: Links, echo: EchoServer) -> None:
    stream = await _connect(links)
    await _says(stream, b"before")
    await links.order("half_open", "one", direction="to_server")
    stream[1].close()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(echo.ended.wait(), QUIET)
    assert (await links.order("forget", "one"))["touched"] == 1
    await asyncio.wait_for(echo.ended.wait(), 60)


async def test_a_refusing_link_keeps_what_it_has_and_takes_nobody_new_until_healed(links: Links) -> None:
    stream = await _connect(links)
    await _says(stream, b"before")
    await links.order("refuse", "one")
    with pytest.raises(ConnectionRefusedError):
        await _connect(links)
    assert await _says(stream, b"still here") == b"still here"
    await links.heal()
    assert await _says(await _connect(links), b"again") == b"again"


async def test_a_slow_link_delivers_late_complete_and_in_order(links: Links) -> None:
    stream = await _connect(links)
    await links.order("delay", "one", seconds=0.2)
    began = time.monotonic()
    stream[1].write(b"first ")
    await stream[1].drain()
    assert await _says(stream, b"second") == b"first "
    assert await asyncio.wait_for(stream[0].readexactly(6), 60) == b"second"
    assert time.monotonic() - began >= 0.4  # there and back


async def test_a_server_that_is_not_there_is_told_by_a_reset(tmp_path: Path) -> None:
    async with _echo() as gone:
        port = gone.port
    links = Links({"one": port}, tmp_path / "proxy.log")
    try:
        await links.start()
        assert await _is_reset(await _connect(links))
    finally:
        await links.stop()


async def test_connections_are_counted(links: Links) -> None:
    stream = await _connect(links)
    await _says(stream, b"hello")
    counts = await links.order("counts", "one")
    assert (counts["now"], counts["opened"]) == (1, 1)
    stream[1].close()

    async def gone() -> bool:
        return bool((await links.order("counts", "one"))["now"] == 0)

    await eventually(gone)


async def test_an_order_that_makes_no_sense_is_refused(links: Links) -> None:
    for do, link in (("explode", "one"), ("cut", "nowhere")):
        with pytest.raises(ProxyRefused):
            await links.order(do, link)
    assert await _says(await _connect(links), b"unharmed") == b"unharmed"


async def test_bytes_on_a_slow_link_keep_their_order_when_it_becomes_fast(links: Links, echo: EchoServer) -> None:
    stream = await _connect(links)
    await _says(stream, b"before ")
    await links.order("delay", "one", seconds=0.3)
    stream[1].write(b"slow ")
    await stream[1].drain()
    await eventually(lambda: asyncio.sleep(0.1, True))
    await links.order("delay", "one", seconds=0)
    stream[1].write(b"fast")
    assert await asyncio.wait_for(stream[0].readexactly(9), 60) == b"slow fast"
    assert echo.received == b"before slow fast"
