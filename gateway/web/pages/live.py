"""Server-sent events, passed through from the service that owns the timeline (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from gateway.web.pages.route import get
from gateway.web.upstream import Service, UpstreamAway
from gateway.web.visit import Visit

# Tells the browser how long to wait before it reconnects, and opens the stream before the first event.
_OPENING = b"retry: 3000\n: open\n\n"


async def order_stream(visit: Visit) -> Response:
    return _pass_through(visit, "catalog", f"/api/v1/orders/{visit.path('order_id')}/stream")


async def service_stream(visit: Visit) -> Response:
    return _pass_through(visit, "provisioning", f"/api/v1/services/{visit.path('service_id')}/stream")


def _pass_through(visit: Visit, service: Service, path: str) -> Response:
    return StreamingResponse(
        _chunks(visit, service, path),
        media_type="text/event-stream",
        # Proxies that buffer would turn "live" into "late"; nginx reads X-Accel-Buffering.
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _chunks(visit: Visit, service: Service, path: str) -> AsyncIterator[bytes]:
    yield _OPENING
    try:
        async for chunk in visit.site.upstream.stream(service, path, visit.member):
            yield chunk
    except UpstreamAway:
        return  # the browser reconnects by itself, and polls meanwhile


ROUTES = (
    get("/live/orders/{order_id}", order_stream, "orders.read"),
    get("/live/services/{service_id}", service_stream, "services.read"),
)
