"""Who I am here, and where I am signed in."""

from starlette.responses import Response

from gateway.web.pages.route import get, post
from gateway.web.visit import Visit


async def account(visit: Visit) -> Response:
    sessions = await visit.read("identity", "/api/v1/sessions")
    return visit.render("account/account.html", sessions=sessions["data"])


async def end_session(visit: Visit) -> Response:
    session_id = visit.path("session_id")
    answer = await visit.call("identity", "DELETE", f"/api/v1/sessions/{session_id}")
    # Already ended is what was wanted.
    if answer.status != 404:
        visit.require("identity", answer)
    return visit.redirect("/account", "session-ended")


ROUTES = (get("/account", account), post("/account/sessions/{session_id}/end", end_session))
