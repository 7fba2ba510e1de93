"""The gateway on a real port, in front of one server that stands for all five services."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.main import create_gateway
from gateway.settings import GatewaySettings
from tests.support.callers import PRIVATE_KEYS
from tests.support.live import listening

GOOD = "ezs_" + "a" * 43
OVER = "ezs_" + "b" * 43


class Behind:
    """One server that stands for all five services and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.alive = {GOOD}
        self.resolved = 0
        self.app = Starlette(
            routes=[
                Route("/internal/sessions/resolve", self._resolve, methods=["POST"]),
                Route("/api/v1/orders/{order_id}/stream", self._stream),
                Route("/api/v1/plans", self._plans),
                Route("/{path:path}", self._echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            ]
        )

    async def _resolve(self, request: Request) -> Response:
        self.resolved += 1
        token = (await request.json())["token"]
        if token not in self.alive:
            return JSONResponse({}, 401)
        principal = {
            "user_id": "usr_1", "email": "a@example.com", "name": "A", "account_id": "acc_1", "account_name": "A",
            "role": "owner", "staff_roles": [], "session_id": "ses_1",
        }  # fmt: skip
        return JSONResponse({"access_token": "internal.jwt.token", "expires_in": 60, "principal": principal})

    async def _stream(self, _request: Request) -> Response:
        async def events() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"event: timeline\ndata: %d\n\n" % number
                await asyncio.sleep(0.1)

        return StreamingResponse(events(), media_type="text/event-stream")

    async def _plans(self, request: Request) -> Response:
        headers = {"ETag": '"v1"', "Cache-Control": "public, max-age=60", "Vary": "Accept"}
        if request.headers.get("if-none-match") == '"v1"':
            return Response(status_code=304, headers=headers)
        return JSONResponse({"data": []}, headers=headers)

    async def _echo(self, request: Request) -> Response:
        body = await request.body()
        self.seen.append({"path": request.url.path, "headers": dict(request.headers), "body": body})
        return JSONResponse(
            {"path": request.url.path}, headers={"X-Leak": "no", "Set-Cookie": "a=b", "Retry-After": "7"}
        )


@pytest_asyncio.fixture
async def behind() -> Behind:
    """The services."""
    return Behind()


def settings(upstream: str, **changes: Any) -> GatewaySettings:
    """Settings as a test deployment would have them."""
    names = ("identity", "billing", "catalog", "provisioning", "support")
    return GatewaySettings.model_validate(
        {
            "EZ_ENVIRONMENT": "test",
            "public_url": "http://127.0.0.1",
            "allowed_hosts": "127.0.0.1",
            "csrf_secret": "c" * 40,
            "signing_key": PRIVATE_KEYS["gateway"],
            **{f"{name}_url": upstream for name in names},
            **changes,
        }
    )


@pytest_asyncio.fixture
async def door(behind: Behind) -> AsyncIterator[str]:
    """A gateway in front of them, on a real port."""
    async with listening(behind.app) as upstream, listening(create_gateway(settings(upstream))) as url:
        yield url
