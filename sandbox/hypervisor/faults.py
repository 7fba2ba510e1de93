"""Trouble on demand, in front of the API: refusals, silence, cut connections, and the answer that never arrives
although the work was done. Faults live in memory; a restart is a healthy hypervisor.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FaultKind = Literal["error", "malformed", "hang", "drop", "hang_after", "drop_after"]
FAULT_KINDS: Final = get_args(FaultKind)
_API: Final = "/api2/"


@dataclass(slots=True)
class Fault:
    """The next `count` calls whose method and path match get this.

    error: answer `status` and do nothing. malformed: answer 200 with a body that is no JSON, and do nothing.
    hang: wait `seconds`, then do the work. drop: cut the connection and do nothing.
    hang_after: do the work, then keep silent for `seconds` and cut. drop_after: do the work, then cut.
    `path` is a regular expression searched in the path; `seconds` is real time.
    """

    kind: FaultKind
    count: int = 1
    status: int = 500
    message: str = "injected fault"
    retry_after: int | None = None
    seconds: float = 0.0
    method: str | None = None
    path: str = ""

    def matches(self, method: str, path: str) -> bool:
        return self.count > 0 and self.method in (None, method) and re.search(self.path, path) is not None


class Faults:
    """What is wrong at the moment."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.outage = False
        self.listing_lag = 0.0
        """Seconds a new machine stays out of the listings."""

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that matches, used up by one."""
        fault = next((fault for fault in self.waiting if fault.matches(method, path)), None)
        if fault is not None:
            fault.count -= 1
            self.waiting = [fault for fault in self.waiting if fault.count > 0]
        return fault

    def clear(self) -> None:
        self.waiting.clear()
        self.outage = False
        self.listing_lag = 0.0


class FaultMiddleware:
    """Stands before the API and lets a fault decide what becomes of a call."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_API):
            await self._app(scope, receive, send)
            return
        if self._faults.outage:
            await _answer(send, 503, b'{"data":null,"message":"service unavailable\\n"}')
            return
        fault = self._faults.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
            return
        await self._suffer(fault, scope, receive, send)

    async def _suffer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case "error":
                body = b'{"data":null,"message":"%s\\n"}' % fault.message.encode()
                await _answer(send, fault.status, body, fault.retry_after)
            case "malformed":
                await _answer(send, 200, b"<html>gateway")
            case "hang":
                arrived = await _whole_request(receive)  # before the wait: the caller may be gone after it
                await asyncio.sleep(fault.seconds)
                await self._app(scope, arrived, send)
            case "drop":
                await _cut(send)
            case "hang_after" | "drop_after":
                await self._app(scope, receive, _swallow)
                await asyncio.sleep(fault.seconds)
                await _cut(send)


async def _whole_request(receive: Receive) -> Receive:
    """Everything the caller has sent, to be received again later."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    replay = iter(messages)

    async def again() -> Message:
        return next(replay, None) or await receive()

    return again


async def _answer(send: Send, status: int, body: bytes, retry_after: int | None = None) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _cut(send: Send) -> None:
    """End the connection in the middle of an answer: ASGI servers close it when the promised body does not come."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4096")]})
    await send({"type": "http.response.body", "body": b" ", "more_body": True})


async def _swallow(message: Message) -> None:
    """Takes the answer that the caller must not see."""
