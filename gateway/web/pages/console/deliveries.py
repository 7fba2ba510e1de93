"""Messages: those that gave up (dead letters, every service) and those that went out by mail."""

import asyncio
from collections.abc import Mapping
from typing import Any, get_args

from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.upstream import Service, UpstreamAway
from gateway.web.visit import Visit

SERVICES: tuple[Service, ...] = get_args(Service)


async def dead_letters(visit: Visit) -> Response:
    found = await asyncio.gather(*(dead_letters_of(visit, service) for service in SERVICES))
    return visit.render("console/dead_letters.html", letters=dict(zip(SERVICES, found, strict=True)))


async def dead_letters_of(visit: Visit, service: Service) -> list[Mapping[str, Any]] | None:
    """None while the service does not answer: not knowing is not the same as nothing there."""
    try:
        answer = await visit.call(service, "GET", f"/api/v1/staff/dead-letters/{service}")
    except UpstreamAway:
        return None
    return list(answer.data["data"]) if answer.ok else None


async def replay(visit: Visit) -> Response:
    service = next((name for name in SERVICES if name == visit.path("service")), None)
    if service is None:
        raise HTTPException(404)
    target = f"/api/v1/staff/dead-letters/{service}/{visit.path('queue')}/{visit.path('letter_id')}/replay"
    visit.require(service, await visit.call(service, "POST", target))
    return visit.redirect("/console/dead-letters", "letter-replayed")


async def notifications(visit: Visit) -> Response:
    listing = await read_listing(visit, "support", "/api/v1/staff/notifications")
    return visit.render("console/notifications.html", listing=listing)


ROUTES = (
    get("/console/dead-letters", dead_letters, "staff"),
    post("/console/dead-letters/{service}/{queue}/{letter_id}/replay", replay, "staff"),
    get("/console/notifications", notifications, "staff"),
)
