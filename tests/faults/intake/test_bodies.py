"""Bodies that are too large, too slow or not what was signed, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from services.billing.api.webhooks import LARGEST_BODY, StripeWebhook
from tests.api.billing.conftest import Billing
from tests.faults.intake.processes import Api, BillingProcesses
from tests.support.live import listening
from tests.support.stripe_payloads import encoded, event, signed

MIB = 1024 * 1024


def an_event(**changes: Any) -> dict[str, Any]:
    return event("customer.created", {"id": "cus_1", "object": "customer"}, **changes)


class Sender:
    """A client that writes a request as it likes, and reads the status it gets.

    Plain sockets: a stream would forget an answer that arrives together with the reset of what we still send.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket()
        self._socket.setblocking(False)

    async def __aenter__(self) -> "Sender":
        await self._loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        return self

    async def __aexit__(self, *_failure: object) -> None:
        self._socket.close()

    async def head(self, headers: dict[str, str], framing: str) -> None:
        """Sends the request line and the headers."""
        lines = [f"{name}: {value}" for name, value in headers.items()]
        lines = ["POST /webhooks/stripe HTTP/1.1", "Host: x", framing, *lines, "", ""]
        await self._loop.sock_sendall(self._socket, "\r\n".join(lines).encode())

    async def exchange(self, parts: Iterable[bytes], *, pause: float = 0.0) -> int:
        """Sends the rest of the request until it is complete or answered; the status of the answer."""
        answer = asyncio.create_task(self._status())
        for part in parts:
            sending = asyncio.create_task(self._loop.sock_sendall(self._socket, part))
            await asyncio.wait([answer, sending], return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                await asyncio.wait([answer], timeout=pause)
            if answer.done() or sending.exception() is not None:
                sending.cancel()
                break
        return await asyncio.wait_for(answer, 60)

    async def _status(self) -> int:
        received = b""
        while b"\r\n" not in received:
            more = await self._loop.sock_recv(self._socket, 4096)
            assert more, f"closed after {received!r}"
            received += more
        assert received.startswith(b"HTTP/1.1 "), received
        return int(received.split()[1])


def chunked(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts as the chunks of a body whose length nobody has said."""
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


@pytest_asyncio.fixture
async def port(billing: Billing) -> AsyncIterator[int]:
    """Billing's API on a real port."""
    async with listening(billing.service.app) as url:
        yield int(url.rpartition(":")[2])


async def deliver_chunked(port: int, body: bytes, signed_body: bytes) -> int:
    async with Sender(port) as sender:
        await sender.head(signed(signed_body), "Transfer-Encoding: chunked")
        return await sender.exchange(chunked(body[start : start + 100] for start in range(0, len(body), 100)))


@pytest.mark.fault(7)
async def test_a_chunked_body_without_a_length_is_verified_as_the_bytes_that_were_signed(
    billing: Billing, port: int
) -> None:
    made = an_event()
    body = encoded(made)
    assert await deliver_chunked(port, body.replace(b"cus_1", b"cus_2"), body) == 400
    assert await deliver_chunked(port, b"\xef\xbb\xbf" + body, body) == 400
    assert await deliver_chunked(port, body + b" ", body) == 400
    assert await billing.count("stripe_events") == 0
    assert await deliver_chunked(port, body, body) == 200
    assert (await billing.stored(made["id"])).payload.encode() == body


@pytest.mark.fault(8)
async def test_bodies_sent_byte_by_byte_are_cut_off_and_other_deliveries_are_acknowledged_meanwhile(
    billing: Billing, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = billing.service.app.router.routes
    webhook = next(route.endpoint for route in routes if getattr(route, "path", "") == StripeWebhook.path)  # type: ignore[attr-defined]
    monkeypatch.setattr(webhook, "_timeout", 3.0)
    body = encoded(an_event())
    cut_off = asyncio.Event()

    async def drip() -> int:
        """Each byte comes soon after the last one: only the whole takes too long."""
        async with Sender(port) as sender:
            await sender.head(signed(body), f"Content-Length: {len(body)}")
            status = await sender.exchange((bytes([byte]) for byte in body), pause=0.1)
            cut_off.set()
            return status

    dripping = [asyncio.create_task(drip()) for _ in range(30)]
    acknowledged = set()
    while not cut_off.is_set():
        item = an_event()
        assert (await billing.deliver(item)).status_code == 200
        acknowledged.add(item["id"])
    assert len(acknowledged) >= 10, "the slow senders held the others up"
    assert await asyncio.gather(*dripping) == [408] * 30
    assert {row["id"] for row in await billing.rows("stripe_events", "id")} == acknowledged


@pytest.mark.fault(8)
async def test_endless_bodies_are_refused_in_bounded_memory_and_other_deliveries_are_acknowledged_meanwhile(
    billing: Billing, processes: BillingProcesses
) -> None:
    [api] = await processes.serve()
    good = [an_event() for _ in range(50)]
    await asyncio.gather(*(api.deliver(item) for item in good[:25]))
    before = api.peak_memory()
    senders = [_endless(api, declared) for declared in [True] * 4 + [False] * 12]
    refused = asyncio.gather(*senders)
    answers = await asyncio.gather(*(api.deliver(item) for item in good[25:]))
    statuses = await refused
    assert statuses == [413] * 16
    assert {answer.status_code for answer in answers} == {200}
    assert {row["id"] for row in await billing.rows("stripe_events", "id")} == {item["id"] for item in good}
    # Each may hold what is allowed, and what the sockets and the parser hold of it at one moment.
    assert api.peak_memory() - before < 16 * 3 * LARGEST_BODY


async def _endless(api: Api, declared: bool) -> int:
    """A body of 64 MiB, in chunks or with its length in front."""
    async with Sender(api.port) as sender:
        framing = f"Content-Length: {64 * MIB}" if declared else "Transfer-Encoding: chunked"
        await sender.head(signed(b""), framing)
        parts = (b" " * 65536 for _ in range(1024))
        return await sender.exchange(parts if declared else chunked(parts))
