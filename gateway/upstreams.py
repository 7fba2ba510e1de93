"""Calls to the services behind us: pooled connections, one place for headers and for "it does not answer".

Requests and live streams have a pool each: a stream holds its connection for minutes, so in one pool the streams of
a few visitors would keep everybody's requests waiting.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from gateway.web.upstream import Answer, Service, UpstreamAway, Visitor
from shared.contracts.timeouts import SERVICE_ANSWER
from shared.telemetry.tracing import current_traceparent
from shared.web.context import request_id
from shared.web.draining import draining

_TIMEOUT = aiohttp.ClientTimeout(total=SERVICE_ANSWER + 5, connect=2, sock_read=SERVICE_ANSWER)
_STREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=2, sock_read=45)


class Upstreams:
    """The five services. One instance per process; `start` and `close` it with the app."""

    def __init__(self, addresses: Mapping[Service, str]) -> None:
        self._addresses = dict(addresses)
        self._requests: aiohttp.ClientSession | None = None
        self._streams: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens the connection pools. How many streams there are is limited before they come here (StreamSlots)."""
        self._requests = _pool(aiohttp.TCPConnector(limit=256, limit_per_host=128, keepalive_timeout=30))
        self._streams = _pool(aiohttp.TCPConnector(limit=0, force_close=True))

    async def close(self) -> None:
        """Closes every connection."""
        for pool in (self._requests, self._streams):
            if pool is not None:
                await pool.close()

    async def request(
        self,
        service: Service,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        stream: bool = False,
    ) -> aiohttp.ClientResponse:
        """Sends one request and returns as soon as the headers of the answer are in; the caller releases it.

        `target` is a path with its query. Raises UpstreamAway when the service is silent. A request on a connection
        that the service had just closed is sent again only when that is safe (GET, HEAD).
        """
        pool = self._streams if stream else self._requests
        if pool is None:
            raise UpstreamAway(service, 1)
        sent = {"x-request-id": request_id(), **headers}
        trace = current_traceparent()
        if trace:
            sent["traceparent"] = trace
        try:
            return await pool.request(
                method,
                self._addresses[service] + target,
                headers=sent,
                data=body,
                allow_redirects=False,
                timeout=_STREAM_TIMEOUT if stream else _TIMEOUT,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamAway(service, 2) from error

    async def body(self, service: Service, response: aiohttp.ClientResponse) -> bytes:
        """The whole body of an answer. Raises UpstreamAway when the service dies before the end of it."""
        try:
            return await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamAway(service, 2) from error

    async def call(
        self,
        service: Service,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        visitor: Visitor | None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One JSON request on behalf of a visitor (or of nobody); any status is an Answer."""
        sent = {key.lower(): value for key, value in (headers or {}).items()}
        if visitor is not None:
            sent["authorization"] = f"Bearer {visitor.access_token}"
        body = None
        if json is not None:
            body = orjson.dumps(json)
            sent["content-type"] = "application/json"
        target = f"{path}?{urlencode(params)}" if params else path
        response = await self.request(service, method, target, headers=sent, body=body)
        try:
            raw = await self.body(service, response)
        finally:
            response.release()
        answered = {key.lower(): value for key, value in response.headers.items()}
        is_json = "json" in answered.get("content-type", "")
        return Answer(response.status, orjson.loads(raw) if raw and is_json else None, answered)

    async def stream(self, service: Service, path: str, visitor: Visitor) -> AsyncIterator[bytes]:
        """The body of an event stream, chunk by chunk."""
        headers = {"authorization": f"Bearer {visitor.access_token}", "accept": "text/event-stream"}
        response = await self.request(service, "GET", path, headers=headers, stream=True)
        try:
            if response.status != 200:
                raise UpstreamAway(service)
            async for chunk in until_over(response):
                yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamAway(service, 2) from error
        finally:
            response.close()

    async def wait_for(self, service: Service, patience: float) -> bool:
        """Whether the service becomes ready within `patience` seconds."""
        deadline = asyncio.get_running_loop().time() + patience
        while asyncio.get_running_loop().time() < deadline:
            try:
                response = await self.request(service, "GET", "/health/ready", headers={})
                response.release()
                if response.status == 200:
                    return True
            except UpstreamAway:
                pass
            await asyncio.sleep(0.05)
        return False


def _pool(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
    )


async def until_over(
    response: aiohttp.ClientResponse, gone: Coroutine[None, None, None] | None = None
) -> AsyncIterator[bytes]:
    """The pieces of a stream, until it ends, this process is told to end, or `gone` returns: the reader has left."""
    ends = [asyncio.create_task(draining().wait()), *([asyncio.create_task(gone)] if gone is not None else [])]
    for end in ends:
        # Whoever waits for the next piece is woken by the end of the connection.
        end.add_done_callback(lambda task: None if task.cancelled() else response.close())
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError):
        if not any(end.done() for end in ends):
            raise
    finally:
        for end in ends:
            end.cancel()
