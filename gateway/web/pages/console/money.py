"""What Stripe told us and what became of it, and every movement of money in the ledger."""

import orjson
from starlette.responses import Response

from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.visit import Visit
from shared.contracts.reads.billing import EntryView, StripeEventDetail, StripeEventView

_EVENTS = "/api/v1/staff/stripe-events"
_READ, _REPLAY = "staff.billing.read", "staff.billing.replay"


async def events(visit: Visit) -> Response:
    listing = await read_listing(visit, "billing", _EVENTS, StripeEventView, ("state", "type"))
    return visit.render("console/stripe_events.html", listing=listing)


async def event(visit: Visit) -> Response:
    found = await visit.read("billing", f"{_EVENTS}/{visit.path('event_id')}", StripeEventDetail)
    payload = orjson.dumps(found.payload, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    return visit.render("console/stripe_event.html", event=found, payload=payload, replayable=replayable(found))


def replayable(found: StripeEventView) -> bool:
    """Not what had its effect: doing that again would change nothing."""
    return found.state != "done" or (found.outcome or "").startswith("ignored")


async def replay(visit: Visit) -> Response:
    event_id = visit.path("event_id")
    answer = await visit.call("billing", "POST", f"{_EVENTS}/{event_id}/replay")
    if answer.status == 409:
        return visit.redirect(f"/console/stripe-events/{event_id}", "event-done")
    visit.require("billing", answer)
    return visit.redirect(f"/console/stripe-events/{event_id}", "event-replayed")


async def ledger(visit: Visit) -> Response:
    return visit.render(
        "console/ledger.html", listing=await read_listing(visit, "billing", "/api/v1/staff/ledger", EntryView)
    )


ROUTES = (
    get("/console/stripe-events", events, _READ),
    get("/console/stripe-events/{event_id}", event, _READ),
    post("/console/stripe-events/{event_id}/replay", replay, _REPLAY),
    get("/console/ledger", ledger, _READ),
)
