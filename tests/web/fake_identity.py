"""The fake identity service."""

import secrets
from datetime import UTC, datetime, timedelta

from gateway.web.upstream import Answer
from tests.web.fake_data import new_id, stamp
from tests.web.fake_routing import NOT_FOUND, Ask, problem, route

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36"


@route("POST", "/users")
def register(ask: Ask) -> Answer:
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
            "password": ask.json["password"],
            "verified": False,
            "account_name": ask.json.get("company"),
        }
    ask.world.tokens["verify-token"] = email
    return Answer(202, {"status": "verification_sent"})


@route("POST", "/users/verify")
def verify(ask: Ask) -> Answer:
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


@route("POST", "/users/verify/resend")
@route("POST", "/password-resets")
def send_mail(ask: Ask) -> Answer:
    if "@" not in ask.json.get("email", ""):
        return problem(422, "validation-failed", "", {"/email": "Enter an e-mail address like name@example.com."})
    ask.world.tokens["reset-token"] = ask.json["email"]
    return Answer(202, {"status": "sent"})


@route("POST", "/password-resets/complete")
def complete_reset(ask: Ask) -> Answer:
    email = ask.world.tokens.get(ask.json["token"])
    if email is None:
        return problem(422, "verification-invalid", "This link is not valid.")
    if len(ask.json["password"]) < 12:
        return problem(422, "validation-failed", "", {"/password": "Use at least 12 characters."})
    ask.world.users[email]["password"] = ask.json["password"]
    return Answer(200, {"status": "password_changed"})


@route("POST", "/sessions")
def sign_in(ask: Ask) -> Answer:
    email = ask.json.get("email", "")
    if email == "hammer@example.com":
        return problem(429, "too-many-attempts", "Too many attempts for this address.", retry_after="240")
    user = ask.world.users.get(email)
    if user is None or user["password"] != ask.json.get("password"):
        return problem(401, "invalid-credentials", "The e-mail address or the password is not right.")
    if not user["verified"]:
        return problem(403, "email-unverified", "Confirm your e-mail address first.")
    token = secrets.token_urlsafe(24)
    session_id = new_id("ses")
    ask.world.sessions[token] = {
        "id": session_id, "email": email, "at": stamp(datetime.now(UTC)),
        "ip": ask.headers.get("x-client-ip"), "user_agent": ask.headers.get("user-agent"),
    }  # fmt: skip
    expires = stamp(datetime.now(UTC) + timedelta(days=7))
    return Answer(
        201, {"id": session_id, "token": token, "expires_at": expires, "user": {"id": user["id"], "email": email}}
    )


@route("GET", "/sessions")
def sessions(ask: Ask) -> Answer:
    assert ask.visitor
    rows = [
        {
            "id": session["id"],
            "created_at": session["at"],
            "last_seen_at": session["at"],
            "ip": session.get("ip", "198.51.100.7"),
            "user_agent": session.get("user_agent", _BROWSER),
            "current": session["id"] == ask.visitor.session_id,
        }
        for session in ask.world.sessions.values()
        if session["email"] == ask.visitor.email
    ]
    return Answer(200, {"data": sorted(rows, key=lambda row: not row["current"])[:5], "next_cursor": None})


@route("DELETE", "/sessions/(.+)")
def end_session(ask: Ask) -> Answer:
    assert ask.visitor
    wanted = ask.visitor.session_id if ask.path[0] == "current" else ask.path[0]
    for token, session in list(ask.world.sessions.items()):
        if session["id"] == wanted and session["email"] == ask.visitor.email:
            del ask.world.sessions[token]
            return Answer(204, None)
    return NOT_FOUND
