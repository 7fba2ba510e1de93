"""What Stripe told us, what became of it, and saying it again."""

import json

from starlette.responses import Response

from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.visit import Visit


async def events(visit: Visit) -> Response:
    listing = await read_listing(visit, "billing", "/api/v1/staff/stripe-events", ("state", "type"))
    return visit.render("console/stripe_events.html", listing=listing)


async def event(visit: Visit) -> Response:
    found = await visit.read("billing", f"/api/v1/staff/stripe-events/{visit.path('event_id')}")
    payload = json.dumps(found.get("payload"), indent=2, ensure_ascii=False, sort_keys=True)
    return visit.render("console/stripe_event.html", event=found, payload=payload)


async def replay(visit: Visit) -> Response:
    event_id = visit.path("event_id")
    answer = await visit.call("billing", "POST", f"/api/v1/staff/stripe-events/{event_id}/replay")
    visit.require("billing", answer)
    return visit.redirect(f"/console/stripe-events/{event_id}", "event-replayed")


ROUTES = (
    get("/console/stripe-events", events, "staff"),
    get("/console/stripe-events/{event_id}", event, "staff"),
    post("/console/stripe-events/{event_id}/replay", replay, "staff"),
)
