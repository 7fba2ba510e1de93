"""What needs a person right now, across every service."""

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from gateway.web.pages.console.deliveries import SERVICES, dead_letters_of
from gateway.web.pages.route import get
from gateway.web.upstream import Service, UpstreamAway
from gateway.web.visit import Visit

_COUNTED = 50
# (key, service, path, filter): the first page of each is enough to know whether someone is needed.
_QUESTIONS: tuple[tuple[str, Service, str, dict[str, str]], ...] = (
    ("jobs", "provisioning", "/api/v1/staff/jobs", {"state": "dead"}),
    ("parked", "provisioning", "/api/v1/staff/jobs", {"state": "parked"}),
    ("events", "billing", "/api/v1/staff/stripe-events", {"state": "dead"}),
    ("tickets", "support", "/api/v1/staff/tickets", {"status": "customer_replied"}),
    ("new_tickets", "support", "/api/v1/staff/tickets", {"status": "open"}),
    ("reviews", "catalog", "/api/v1/staff/orders", {"status": "under_review"}),
)


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows wait; None while the service does not answer."""

    number: int | None
    more: bool = False


async def overview(visit: Visit) -> Response:
    counts = await asyncio.gather(*(_count(visit, *question[1:]) for question in _QUESTIONS))
    letters = await asyncio.gather(*(dead_letters_of(visit, service) for service in SERVICES))
    recent = await _recent_orders(visit)
    return visit.render(
        "console/overview.html",
        counts={question[0]: count for question, count in zip(_QUESTIONS, counts, strict=True)},
        letters=dict(zip(SERVICES, letters, strict=True)),
        recent=recent,
    )


async def _recent_orders(visit: Visit) -> Any:
    try:
        answer = await visit.call("catalog", "GET", "/api/v1/staff/orders", params={"limit": "8"})
    except UpstreamAway:
        return None
    return answer.data["data"] if answer.ok else None


async def _count(visit: Visit, service: Service, path: str, filters: dict[str, str]) -> Count:
    try:
        answer = await visit.call(service, "GET", path, params={**filters, "limit": str(_COUNTED)})
    except UpstreamAway:
        return Count(None)
    if not answer.ok:
        return Count(None)
    return Count(len(answer.data["data"]), bool(answer.data.get("next_cursor")))


ROUTES = (get("/console", overview, "staff"),)
