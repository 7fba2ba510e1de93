"""The front page: what this is, and what is going on in it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe.pages.rendering import page, sandbox_of
from sandbox.stripe.settings import API_VERSION

_SHOWN = 25


async def show(request: Request) -> Response:
    """GET /"""
    sandbox = sandbox_of(request)
    events = sandbox.store.connection.execute(
        "SELECT o.id, json_extract(o.body, '$.type') AS type, json_extract(o.body, '$.created') AS created, "
        "d.state, d.attempts, d.last_status, d.last_error FROM objects o "
        "LEFT JOIN deliveries d ON d.event_id = o.id WHERE o.kind = 'event' ORDER BY o.seq DESC LIMIT ?",
        (_SHOWN,),
    ).fetchall()
    counts = sandbox.store.connection.execute("SELECT state, count(*) AS n FROM deliveries GROUP BY state")
    context = {
        "api_version": API_VERSION,
        "settings": sandbox.settings,
        "sessions": sandbox.store.find("checkout.session", limit=_SHOWN),
        "events": [dict(event) for event in events],
        "counts": {row["state"]: row["n"] for row in counts},
        "faults": sandbox.faults.describe(),
        "now": sandbox.now(),
    }
    return page("index.html", context)


ROUTES = [Route("/", show, methods=["GET"])]
