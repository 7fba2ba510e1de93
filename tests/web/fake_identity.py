"""The fake identity service."""

import base64
import hashlib
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from gateway.web.upstream import Answer
from shared.contracts.permissions import permissions_of
from shared.contracts.reads.base import Page
from shared.contracts.reads.identity import NewSession, SessionView, SshKeyList, SshKeyView, UserView
from tests.web.fake_data import new_id, now
from tests.web.fake_routing import NOT_FOUND, Ask, page, problem, route

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36"


@route("POST", "/users", status=202)
def register(ask: Ask) -> Any:
    errors = {}
    if "@" not in ask.json.get("email", ""):
        errors["/email"] = "Enter an e-mail address like name@example.com."
    if len(ask.json.get("password", "")) < 12:
        errors["/password"] = "Use at least 12 characters."
    if errors:
        return problem(422, "validation-failed", "Some fields are not right.", errors)
    email = ask.json["email"]
    if email not in ask.world.users:
        ask.world.user(email, ask.json.get("name", ""), new_id("acc"))
        ask.world.users[email] |= {
            "password": ask.json["password"], "verified": False, "account_name": ask.json.get("company"),
        }  # fmt: skip
    ask.world.tokens["verify-token"] = email
    _mail(ask, email, "/verify?token=verify-token")
    return Answer(202, {"status": "verification_sent"})


def _mail(ask: Ask, email: str, link: str) -> None:
    """The link leads on to where the person was going, as identity keeps it."""
    goes_on = f"&next={quote(ask.json['next'], safe='/')}" if ask.json.get("next") else ""
    ask.world.links[email] = f"{link}{goes_on}"


@route("POST", "/users/verify")
def verify(ask: Ask) -> Any:
    token = ask.json["token"]
    if token == "expired":
        return problem(410, "verification-expired", "This link has expired.")
    email = ask.world.tokens.get(token)
    if email is None:
        return problem(422, "verification-invalid", "This link is not valid.")
    if ask.world.users[email]["verified"]:
        return problem(410, "verification-used", "This link was already used.")
    ask.world.users[email]["verified"] = True
    return Answer(200, {"status": "verified"})


@route("POST", "/users/verify/resend", status=202)
def send_confirmation(ask: Ask) -> Any:
    return _send(ask, "/verify?token=verify-token")


@route("POST", "/password-resets", status=202)
def send_reset(ask: Ask) -> Any:
    return _send(ask, "/reset-password?token=reset-token")


def _send(ask: Ask, link: str) -> Answer:
    email = ask.json.get("email", "")
    if "@" not in email:
        return problem(422, "validation-failed", "", {"/email": "Enter an e-mail address like name@example.com."})
    ask.world.tokens["reset-token"] = email
    _mail(ask, email, link)
    return Answer(202, {"status": "sent"})


@route("POST", "/password-resets/complete")
def complete_reset(ask: Ask) -> Any:
    email = ask.world.tokens.get(ask.json["token"])
    if email is None:
        return problem(422, "verification-invalid", "This link is not valid.")
    if len(ask.json["password"]) < 12:
        return problem(422, "validation-failed", "", {"/password": "Use at least 12 characters."})
    ask.world.users[email]["password"] = ask.json["password"]
    return Answer(200, {"status": "password_changed"})


@route("POST", "/sessions", NewSession, status=201)
def sign_in(ask: Ask) -> Any:
    email = ask.json.get("email", "")
    if email == "hammer@example.com":
        return problem(429, "too-many-attempts", "Too many attempts for this address.", retry_after="240")
    user = ask.world.users.get(email)
    if user is None or user["password"] != ask.json.get("password"):
        return problem(401, "invalid-credentials", "The e-mail address or the password is not right.")
    if not user["verified"]:
        return problem(403, "email-unverified", "Confirm your e-mail address first.")
    user["permissions"] = permissions_of(user["role"], user["staff_roles"])
    token, session_id = secrets.token_urlsafe(24), new_id("ses")
    ask.world.sessions[token] = {
        "id": session_id, "email": email, "at": now(),
        "ip": ask.headers.get("x-client-ip"), "user_agent": ask.headers.get("user-agent"),
    }  # fmt: skip
    person = UserView(id=user["id"], email=email, name=user["name"], locale="en")
    return NewSession(id=session_id, token=token, expires_at=now() + timedelta(days=7), user=person)


@route("POST", "/sessions/current/confirm")
def confirm(ask: Ask) -> Any:
    assert ask.visitor
    if ask.json["password"] != ask.world.users[ask.visitor.email]["password"]:
        return problem(422, "wrong-password", "The password is not right.")
    ask.world.stale.discard(ask.visitor.session_id)
    return Answer(204, None)


@route("GET", "/sessions", Page[SessionView])
def sessions(ask: Ask) -> BaseModel:
    assert ask.visitor
    rows = [
        SessionView(
            id=session["id"], created_at=session["at"], last_seen_at=session["at"],
            ip=session.get("ip", "198.51.100.7"), user_agent=session.get("user_agent", _BROWSER),
            current=session["id"] == ask.visitor.session_id,
        )
        for session in ask.world.sessions.values()
        if session["email"] == ask.visitor.email
    ]  # fmt: skip
    return page(ask, sorted(rows, key=lambda row: not row.current)[:5])


@route("DELETE", "/sessions/(.+)", status=204)
def end_session(ask: Ask) -> Any:
    assert ask.visitor
    wanted = ask.visitor.session_id if ask.path[0] == "current" else ask.path[0]
    for token, session in list(ask.world.sessions.items()):
        if session["id"] == wanted and session["email"] == ask.visitor.email:
            del ask.world.sessions[token]
            return Answer(204, None)
    return NOT_FOUND


@route("GET", "/ssh-keys", SshKeyList)
def list_keys(ask: Ask) -> BaseModel:
    return SshKeyList(data=ask.world.keys.get(ask.account, []))


@route("POST", "/ssh-keys", SshKeyView, status=201)
def add_key(ask: Ask) -> Any:
    kind, _, rest = ask.json["public_key"].partition(" ")
    if not kind.startswith("ssh-") or not rest:
        return problem(422, "validation-failed", "", {"/public_key": "That is not a public key in OpenSSH's format."})
    digest = base64.b64encode(hashlib.sha256(rest.encode()).digest()).decode().rstrip("=")
    added = SshKeyView(
        id=new_id("key"), name=ask.json["name"] or "key", kind=kind, fingerprint=f"SHA256:{digest}",
        public_key=ask.json["public_key"], created_at=now(),
    )  # fmt: skip
    ask.world.keys.setdefault(ask.account, []).insert(0, added)
    return added


@route("DELETE", "/ssh-keys/([^/]+)", status=204)
def remove_key(ask: Ask) -> Any:
    kept = [key for key in ask.world.keys.get(ask.account, []) if key.id != ask.path[0]]
    ask.world.keys[ask.account] = kept
    return Answer(204, None)
