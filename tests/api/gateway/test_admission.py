"""Nobody uses up what is everybody's: requests and live streams are limited, pages and forms like the API."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ez.servers import ServerGroup
from gateway.admission import Admission
from gateway.limits import NoSlot, RateLimiter, StreamSlots, network_of
from gateway.main import create_gateway
from gateway.sessions import SessionResolver
from gateway.upstreams import Upstreams
from gateway.web.upstream import Visitor
from shared.testing import eventually
from tests.api.gateway.conftest import settings
from tests.support.callers import PRIVATE_KEYS
from tests.support.database import free_port

# More than one pool's worth of connections to a service (128), and more than one customer's.
MANY = 135


@dataclass
class Services:
    """One server that stands for all five; its streams stay open until their reader leaves."""

    streams: int = 0
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    resolved: int = 0

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/internal/sessions/resolve", self._resolve, methods=["POST"]),
                Route("/api/v1/orders/{order_id}/stream", self._stream),
                Route("/{path:path}", self._answer, methods=["GET", "POST"]),
            ]
        )

    async def _resolve(self, request: Request) -> Response:
        """`ezs_<account>…` is a session of that account."""
        self.resolved += 1
        account = (await request.json())["token"][4:8]
        principal = {
            "user_id": f"usr_{account}", "email": "a@example.com", "name": "A", "account_id": f"acc_{account}",
            "account_name": "A", "role": "owner", "staff_roles": [], "session_id": "ses_1", "permissions": [],
        }  # fmt: skip
        return JSONResponse({"access_token": "internal.jwt.token", "expires_in": 60, "principal": principal})

    async def _stream(self, _request: Request) -> Response:
        async def events() -> AsyncIterator[bytes]:
            self.streams += 1
            try:
                yield b": open\n\n"
                await self.hold.wait()
            finally:
                self.streams -= 1

        return StreamingResponse(events(), media_type="text/event-stream")

    async def _answer(self, _request: Request) -> Response:
        return JSONResponse({"data": [], "items": []})


@dataclass
class Door:
    """A gateway and how to knock at it."""

    url: str
    services: Services
    session: aiohttp.ClientSession
    servers: ServerGroup

    async def follow(self, account: str, path: str = "/api/v1/orders/ord_1/stream") -> aiohttp.ClientResponse:
        """A live stream of this account; its first line is here when it was opened."""
        token = f"ezs_{account}" + "a" * 40
        answer = await self.session.get(self.url + path, headers={"Authorization": f"Bearer {token}"})
        if answer.status == 200:
            await answer.content.readuntil(b"\n\n")
        return answer

    async def get(self, path: str, account: str | None = None, **headers: str) -> tuple[int, Any, bytes]:
        if account:
            headers["Cookie"] = f"ez_session=ezs_{account}" + "a" * 40
        async with self.session.get(self.url + path, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers, await answer.read()


@contextlib.asynccontextmanager
async def door(**changes: Any) -> AsyncIterator[Door]:
    """A gateway with these settings in front of the services, each on a server of its own."""
    services, behind, front = Services(), ServerGroup(), ServerGroup(drain=3600)
    upstream, port = free_port(), free_port()
    await behind.start(services.app(), upstream, "services")
    await front.start(
        create_gateway(settings(f"http://127.0.0.1:{upstream}", **{"request_burst": 10_000} | changes)), port, "gateway"
    )
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            yield Door(f"http://127.0.0.1:{port}", services, session, front)
    finally:
        services.hold.set()
        await front.stop()
        await behind.stop()


def kind(body: bytes) -> str:
    return body.decode().partition('"type":"')[2].partition('"')[0].rpartition("/")[2]


async def test_the_streams_of_many_keep_nobodys_requests_waiting() -> None:
    async with door(streams_per_account=MANY, streams_per_address=MANY) as gate:
        streams = await asyncio.gather(*(gate.follow("rich") for _ in range(MANY)))
        assert {stream.status for stream in streams} == {200}
        assert (await gate.get("/api/v1/orders", "poor"))[0] == 200


async def test_one_account_gets_its_streams_and_leaves_the_others_theirs() -> None:
    async with door(streams_per_account=5) as gate:
        statuses = [(await gate.follow("rich")).status for _ in range(MANY)]
        assert (statuses.count(200), statuses.count(429)) == (5, MANY - 5)
        assert (await gate.follow("poor")).status == 200
        refused = await gate.follow("rich")
        assert (refused.status, refused.content_type) == (429, "application/problem+json")
        assert int(refused.headers["Retry-After"]) >= 1
        assert kind(await refused.read()) == "too-many-requests"


@pytest.mark.parametrize("limit", ["streams_per_address", "streams_in_all"])
async def test_an_address_and_the_process_have_limits_of_their_own(limit: str) -> None:
    async with door(**{limit: 3}) as gate:
        assert [(await gate.follow(name)).status for name in ("aaaa", "bbbb", "cccc", "dddd")] == [200] * 3 + [429]


async def test_a_stream_that_ended_leaves_its_place_on_both_sides() -> None:
    async with door(streams_per_account=1) as gate:

        async def again() -> bool:
            answer = await gate.follow("rich")
            return answer.status == 200

        for _ in range(3):
            stream = await gate.follow("rich")
            assert stream.status == 200
            assert (await gate.follow("rich")).status == 429
            stream.close()
            await eventually(lambda: nothing_streams(gate.services), what="the service's end of the stream")
        await eventually(again, what="a free place")


async def nothing_streams(services: Services) -> bool:
    return services.streams == 0


async def test_streams_end_when_the_gateway_ends() -> None:
    async with door() as gate:
        stream = await gate.follow("rich")
        stopping = asyncio.create_task(gate.servers.stop())
        assert await stream.content.read() == b""
        await stopping


async def test_pages_and_forms_are_limited_like_the_api() -> None:
    async with door(request_burst=3, requests_per_second=0.001) as gate:
        assert [(await gate.get("/sign-in"))[0] for _ in range(3)] == [200] * 3
        status, headers, body = await gate.get("/sign-in")
        assert (status, headers["Content-Type"].partition(";")[0]) == (429, "text/html")
        assert int(headers["Retry-After"]) >= 1
        assert b"429" in body
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        async with gate.session.post(f"{gate.url}/sign-in", data={"email": "a@example.com"}) as refused:
            assert refused.status == 429
        status, headers, body = await gate.get("/api/v1/plans")
        assert (status, headers["Content-Type"]) == (429, "application/problem+json")
        assert headers["ratelimit-remaining"] == "0"


async def test_files_probes_and_webhooks_are_not_limited() -> None:
    async with door(request_burst=1, requests_per_second=0.001) as gate:
        for _ in range(3):
            assert (await gate.get("/health/live"))[0] == 200
            assert (await gate.get("/static/nothing"))[0] == 404
            async with gate.session.post(f"{gate.url}/webhooks/stripe", data=b"{}") as answer:
                assert answer.status == 200


async def test_an_account_is_limited_from_wherever_it_comes_and_others_are_not() -> None:
    limiter = RateLimiter(rate=0.001, burst=4)
    sessions = SessionResolver(Upstreams({}), PRIVATE_KEYS["gateway"], secure=False)
    sessions.resolve = lambda token: as_account(token)  # type: ignore[method-assign]  # identity is another test's
    slots = StreamSlots(per_account=1, per_address=1, in_all=1)
    app = Admission(_fine, limiter=limiter, slots=slots, sessions=sessions, error_page=_page)

    async def status(account: str, number: int) -> int:
        transport = httpx.ASGITransport(app, client=(f"192.0.2.{number}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return (await client.get("/api/v1/orders", headers={"Authorization": f"Bearer {account}"})).status_code

    assert [await status("rich", number) for number in range(6)] == [200] * 4 + [429] * 2
    assert await status("poor", 5) == 200


async def _fine(scope: Scope, receive: Receive, send: Send) -> None:
    await Response("fine")(scope, receive, send)


async def _page(_request: Request, _error: Exception) -> Response:
    return Response("no", 429)


async def as_account(token: str) -> Visitor:
    return Visitor("usr_1", "", "", token, None, None, (), "", "")


async def test_a_refused_request_asks_identity_nothing() -> None:
    async with door(request_burst=1, requests_per_second=0.001) as gate:
        assert (await gate.get("/sign-in", "rich"))[0] in (200, 303)
        asked = gate.services.resolved
        for number in range(5):
            assert (await gate.get("/sign-in", f"no{number:02}"))[0] == 429
        assert gate.services.resolved == asked


def test_a_burst_is_allowed_and_a_flood_is_not() -> None:
    limiter = RateLimiter(rate=1, burst=3)
    verdicts = [limiter.check("a").allowed for _ in range(5)]
    assert verdicts == [True, True, True, False, False]
    assert limiter.check("b").allowed
    assert limiter.check("a").retry_after >= 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("::nonsense", "::nonsense"),
    ],
)
def test_whoever_has_one_ipv6_address_has_all_of_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_places_are_given_back_whatever_happens_and_nothing_is_kept_of_who_left() -> None:
    slots = StreamSlots(per_account=1, per_address=2, in_all=2)
    with contextlib.suppress(LookupError), slots.one(account="a", address="x"):
        with pytest.raises(NoSlot), slots.one(account="a", address="y"):
            pass
        with slots.one(account=None, address="x"), pytest.raises(NoSlot), slots.one(account="b", address="z"):
            pass
        raise LookupError
    assert slots.taken() == 0
    assert not slots._open
