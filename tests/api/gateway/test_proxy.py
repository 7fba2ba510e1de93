"""The public door: what gets through, what does not, and what the services behind it see."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from yarl import URL

from gateway.main import create_gateway
from gateway.routing import owner_of
from gateway.sessions import REMEMBERED
from gateway.upstreams import Upstreams
from tests.api.gateway.conftest import GOOD, OVER, Behind, settings
from tests.support.live import listening


async def _ask(url: str, method: str = "GET", **options: Any) -> tuple[int, Any, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, URL(url, encoded=True), **options) as answer:
        raw = await answer.read()
        return answer.status, answer.headers, json.loads(raw) if "json" in answer.content_type else raw


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/api/v1/orders", "catalog"),
        ("/api/v1/orders/ord_1/timeline", "catalog"),
        ("/api/v1/staff/orders", "catalog"),
        ("/api/v1/staff/jobs/job_1/retry", "provisioning"),
        ("/api/v1/staff/dead-letters/billing", "billing"),
        ("/webhooks/stripe", "billing"),
        ("/internal/checkouts", None),
        ("/api/v1/internal/checkouts", None),
        ("/api/v1/staff", None),
        ("/api/v1/", None),
        ("/api/v1/orders/../../internal/checkouts", None),
        ("/api/v1//internal", None),
        ("/api/v1/orders/%2e%2e/x", None),
        ("/api/v1/orders/..", None),
        ("/health/ready", None),
        ("/metrics", None),
    ],
)
def test_only_public_paths_have_an_owner(path: str, owner: str | None) -> None:
    assert owner_of(path) == owner


async def test_headers_a_client_makes_up_never_reach_a_service(door: str, behind: Behind) -> None:
    forged = {
        "X-Account-Id": "acc_2", "X-User": "root", "X-Client-IP": "10.0.0.1", "X-Forwarded-For": "10.0.0.1",
        "Forwarded": "for=10.0.0.1", "X-Forwarded-Host": "evil.example", "Cookie": "ez_other=1",
    }  # fmt: skip
    await _ask(f"{door}/api/v1/orders", headers=forged)
    seen = behind.seen[0]["headers"]
    assert seen["x-client-ip"] == "127.0.0.1"
    assert not {"x-account-id", "x-user", "x-forwarded-for", "forwarded", "x-forwarded-host", "cookie"} & set(seen)
    assert "authorization" not in seen


async def test_a_session_becomes_an_internal_token_and_stays_behind_itself(door: str, behind: Behind) -> None:
    await _ask(f"{door}/api/v1/orders", headers={"Authorization": f"Bearer {GOOD}"})
    assert behind.seen[0]["headers"]["authorization"] == "Bearer internal.jwt.token"
    assert GOOD not in json.dumps(behind.seen[0]["headers"])


async def test_an_internal_token_from_outside_is_not_passed_on(door: str, behind: Behind) -> None:
    status, _headers, body = await _ask(f"{door}/api/v1/orders", headers={"Authorization": "Bearer internal.jwt.token"})
    assert (status, body["type"].rsplit("/", 1)[-1]) == (401, "unauthenticated")
    assert behind.seen == []


async def test_a_session_that_is_over_is_refused(door: str) -> None:
    status, _headers, _body = await _ask(f"{door}/api/v1/orders", headers={"Authorization": f"Bearer {OVER}"})
    assert status == 401


async def test_a_revoked_session_is_dead_within_a_second(door: str, behind: Behind) -> None:
    headers = {"Authorization": f"Bearer {GOOD}"}
    assert (await _ask(f"{door}/api/v1/orders", headers=headers))[0] == 200
    behind.alive.clear()
    await asyncio.sleep(REMEMBERED + 0.1)
    assert REMEMBERED < 0.9
    assert (await _ask(f"{door}/api/v1/orders", headers=headers))[0] == 401


async def test_many_requests_of_one_session_ask_identity_once(door: str, behind: Behind) -> None:
    headers = {"Authorization": f"Bearer {GOOD}"}
    await asyncio.gather(*(_ask(f"{door}/api/v1/orders", headers=headers) for _ in range(10)))
    assert behind.resolved == 1


async def test_answers_carry_only_known_headers_and_the_security_headers(door: str) -> None:
    _status, headers, _body = await _ask(f"{door}/api/v1/orders")
    assert headers["Retry-After"] == "7"
    assert "X-Leak" not in headers
    assert "Set-Cookie" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Request-Id"].startswith("req_")
    assert headers["ratelimit-limit"]


async def test_what_a_client_has_already_is_not_sent_again(door: str) -> None:
    status, headers, _body = await _ask(f"{door}/api/v1/plans")
    assert (status, headers["ETag"], headers["Vary"]) == (200, '"v1"', "Accept")
    status, headers, body = await _ask(f"{door}/api/v1/plans", headers={"If-None-Match": headers["ETag"]})
    assert (status, headers["ETag"], body) == (304, '"v1"', b"")
    assert headers["Cache-Control"] == "public, max-age=60"
    assert (await _ask(f"{door}/api/v1/plans", headers={"If-None-Match": '"v0"'}))[0] == 200


async def test_an_unknown_host_is_refused(door: str, behind: Behind) -> None:
    status, _headers, body = await _ask(f"{door}/api/v1/orders", headers={"Host": "evil.example"})
    assert (status, body["type"].rsplit("/", 1)[-1]) == (400, "unknown-host")
    assert behind.seen == []


async def test_probes_come_by_address_and_visitors_see_no_metrics(door: str) -> None:
    by_address = {"Host": "10.1.2.3:8000"}
    assert (await _ask(f"{door}/health/ready", headers=by_address))[0] == 200
    assert (await _ask(f"{door}/metrics", headers=by_address))[0] == 200
    assert (await _ask(f"{door}/metrics"))[0] == 404
    assert (await _ask(f"{door}/", headers=by_address))[0] == 400


async def test_a_cookie_alone_cannot_write_from_another_site(door: str, behind: Behind) -> None:
    url, cookie = f"{door}/api/v1/orders", {"Cookie": f"ez_session={GOOD}"}
    for origin in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        status, _headers, _body = await _ask(url, "POST", headers=cookie | origin, data=b"{}")
        assert status == 403
    assert behind.seen == []
    same = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    assert (await _ask(url, "POST", headers=cookie | same, data=b"{}"))[0] == 200


@pytest.mark.parametrize("path", ["/internal/checkouts", "/api/v1/nothing", "/api/v1/orders/a%2fb/%2e%2e/x"])
async def test_what_is_not_public_is_not_found(door: str, behind: Behind, path: str) -> None:
    status, _headers, _body = await _ask(door + path)
    assert status == 404
    assert behind.seen == []


async def test_an_oversized_body_is_refused_whether_declared_or_not(door: str, behind: Behind) -> None:
    big = b"x" * (1024 * 1024 + 1)
    assert (await _ask(f"{door}/api/v1/orders", "POST", data=big))[0] == 413

    async def undeclared() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    assert (await _ask(f"{door}/api/v1/orders", "POST", data=undeclared()))[0] == 413
    assert behind.seen == []


async def test_the_webhook_passes_its_bytes_and_signature_unchanged(door: str, behind: Behind) -> None:
    body = b'{ "id":"evt_1",  "odd":  "spacing\\u00e9" }\n'
    await _ask(f"{door}/webhooks/stripe", "POST", data=body, headers={"Stripe-Signature": "t=1,v1=abc"})
    assert behind.seen[0]["body"] == body
    assert behind.seen[0]["headers"]["stripe-signature"] == "t=1,v1=abc"
    assert (await _ask(f"{door}/webhooks/stripe"))[0] == 405


async def test_a_service_that_is_away_is_a_503_that_says_when_to_come_back(behind: Behind) -> None:
    async with listening(create_gateway(settings("http://127.0.0.1:9"))) as url:
        status, headers, body = await _ask(f"{url}/api/v1/plans")
    assert (status, body["type"].rsplit("/", 1)[-1]) == (503, "service-away")
    assert int(headers["Retry-After"]) >= 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_service_that_dies_in_the_middle_of_its_answer_is_a_503(method: str) -> None:
    """Half an answer must not be passed on as one; and nobody may claim that nothing was done."""

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(die, "127.0.0.1", 0)
    upstream = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, listening(create_gateway(settings(upstream))) as url:
        status, headers, body = await _ask(f"{url}/api/v1/plans", method)
    assert (status, body["type"].rpartition("/")[2]) == (503, "service-away")
    assert int(headers["Retry-After"]) >= 1
    assert "othing was changed" not in body["detail"]


async def _break(_request: Request) -> Response:
    raise LookupError("a secret thing")


@pytest.mark.parametrize("path", ["/broken", "/api/v1/plans"])
async def test_a_failure_nobody_expected_names_its_request_and_keeps_the_security_headers(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_given: Any, **_named: Any) -> Any:
        raise LookupError("a secret thing")

    gateway = create_gateway(settings("http://127.0.0.1:9"))
    gateway.router.routes.insert(0, Route("/broken", _break))
    monkeypatch.setattr(Upstreams, "request", broken)
    async with listening(gateway) as url:
        status, headers, body = await _ask(url + path)
    assert status == 500
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Request-Id"]
    if path == "/broken":
        assert headers["X-Request-Id"] in body.decode()
        assert "secret" not in body.decode()
    else:
        assert headers["Content-Type"] == "application/problem+json"
        assert body["request_id"] == headers["X-Request-Id"]


async def test_a_live_stream_comes_through_piece_by_piece(door: str) -> None:
    arrived = []
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{door}/api/v1/orders/ord_1/stream", headers={"Authorization": f"Bearer {GOOD}"}) as answer,
    ):
        assert answer.content_type == "text/event-stream"
        async for chunk in answer.content.iter_any():
            arrived.append(asyncio.get_running_loop().time())
            assert chunk
    assert arrived[-1] - arrived[0] > 0.1


@pytest.mark.parametrize(
    "request_bytes",
    [
        (
            b"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /internal/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        ),
        b"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"GET /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b\r\n folded\r\n\r\n",
        b"GET /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nX A: b\r\n\r\n",
    ],
)
async def test_a_smuggled_second_request_never_reaches_a_service(
    door: str, behind: Behind, request_bytes: bytes
) -> None:
    host, port = door.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_bytes)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(4096), 60)
    writer.close()
    assert not [seen for seen in behind.seen if seen["path"].startswith("/internal")]
    assert len(behind.seen) <= 1
    assert b"HTTP/1.1 500" not in answer
