"""Development only: the caught mail of the sandbox, shown under /dev/mail of the same site."""

from collections.abc import Sequence

import aiohttp
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_TIMEOUT = aiohttp.ClientTimeout(total=10)


def dev_mail_routes(address: str | None) -> Sequence[Route]:
    """Read-only routes to the mail sandbox; none at all where no sandbox is configured, as in production."""
    if address is None:
        return []
    base = address.rstrip("/")

    async def dev_mail(request: Request) -> Response:
        target = base + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(target) as answer:
                body = await answer.read()
                return Response(body, answer.status, media_type=answer.headers.get("content-type"))
        except (aiohttp.ClientError, TimeoutError):
            return Response("The mail sandbox is not answering.", 503, media_type="text/plain")

    return [Route("/dev/mail", dev_mail), Route("/dev/mail/{rest:path}", dev_mail)]
