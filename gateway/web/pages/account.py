"""Who I am here, where I am signed in, and with which keys I enter my servers."""

import asyncio

from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, FormErrors, form_errors
from gateway.web.pages.route import SIGNED_IN, get, post
from gateway.web.ssh import PRIVATE_KEY, is_private
from gateway.web.visit import Visit
from shared.contracts.reads.common import Page
from shared.contracts.reads.identity import SessionView, SshKeyList

_KEYS = "/api/v1/ssh-keys"
_REFUSED = frozenset({400, 409, 422, 429})


async def account(visit: Visit) -> Response:
    return await _account_page(visit, NO_ERRORS)


async def _account_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    sessions, keys = await asyncio.gather(
        visit.read("identity", "/api/v1/sessions", Page[SessionView]), _saved_keys(visit)
    )
    return visit.render(
        "account/account.html", status, sessions=sessions.data, keys=keys, values=visit.form, errors=errors
    )


async def _saved_keys(visit: Visit) -> SshKeyList | None:
    return await visit.read("identity", _KEYS, SshKeyList) if visit.may("keys.read") else None


async def end_session(visit: Visit) -> Response:
    session_id = visit.path("session_id")
    answer = await visit.call("identity", "DELETE", f"/api/v1/sessions/{session_id}")
    # Already ended is what was wanted.
    if answer.status != 404:
        visit.require("identity", answer)
    return visit.redirect("/account", "session-ended")


async def add_key(visit: Visit) -> Response:
    name, public_key = visit.form.line("name"), visit.form.line("public_key")
    if is_private(public_key):
        # It goes no further than here, and is not shown again.
        visit.form["public_key"] = ""
        return await _account_page(visit, FormErrors({"public_key": PRIVATE_KEY}), 422)
    answer = await visit.call("identity", "POST", _KEYS, json={"name": name, "public_key": public_key})
    if answer.status in _REFUSED:
        errors = form_errors(answer, frozenset({"name", "public_key"}))
        return await _account_page(visit, errors, answer.status)
    visit.require("identity", answer)
    return visit.redirect("/account", "key-added")


async def remove_key(visit: Visit) -> Response:
    answer = await visit.call("identity", "DELETE", f"{_KEYS}/{visit.path('key_id')}")
    if answer.status != 404:
        visit.require("identity", answer)
    return visit.redirect("/account", "key-removed")


ROUTES = (
    get("/account", account, SIGNED_IN),
    post("/account/sessions/{session_id}/end", end_session, "self.write"),
    post("/account/ssh-keys", add_key, "keys.write"),
    post("/account/ssh-keys/{key_id}/remove", remove_key, "keys.write"),
)
