"""Getting in and out: sign-up, e-mail verification, sign-in, password reset, sign-out."""

from urllib.parse import quote

from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, FormErrors, form_errors
from gateway.web.pages.route import PUBLIC, get, post
from gateway.web.safe_next import with_next
from gateway.web.upstream import UpstreamAway
from gateway.web.visit import Visit
from shared.contracts.reads.identity import NewSession

_EXPECTED = frozenset({400, 401, 403, 409, 410, 422, 429})
HOME = "/dashboard"


async def sign_up_form(visit: Visit) -> Response:
    if visit.visitor is not None:
        return visit.redirect(visit.goes_on or HOME)
    return _sign_up_page(visit, NO_ERRORS)


async def sign_up(visit: Visit) -> Response:
    form = visit.form
    body = {name: form.line(name) for name in ("email", "name", "company")}
    body |= {"password": form.get("password", ""), "next": visit.goes_on or ""}
    answer = await visit.call(
        "identity", "POST", "/api/v1/users", json={name: value for name, value in body.items() if value}
    )
    if answer.status in _EXPECTED:
        known = frozenset({"email", "name", "company", "password"})
        return _sign_up_page(visit, form_errors(answer, known), answer.status)
    visit.require("identity", answer)
    return visit.redirect(with_next(f"/check-your-mail?email={quote(body['email'])}", visit.goes_on))


def _sign_up_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    return visit.render("identity/sign_up.html", status, values=visit.form, errors=errors)


async def check_your_mail(visit: Visit) -> Response:
    """What to do next; `for` says whether the mail resets a password or confirms an address."""
    return visit.render(
        "identity/check_your_mail.html",
        email=visit.query.get("email", "")[:254],
        reset=visit.query.get("for") == "reset",
    )


async def verify_form(visit: Visit) -> Response:
    """Only a button: mail scanners open links, and a token works once."""
    return visit.render("identity/verify.html", token=visit.query.get("token", ""), errors=NO_ERRORS)


async def verify(visit: Visit) -> Response:
    token = visit.form.get("token", "")
    answer = await visit.call("identity", "POST", "/api/v1/users/verify", json={"token": token})
    if answer.status in _EXPECTED:
        errors = form_errors(answer, frozenset())
        return visit.render("identity/verify.html", answer.status, token=token, errors=errors)
    visit.require("identity", answer)
    return visit.redirect(with_next("/sign-in", visit.goes_on), "verified")


async def resend_form(visit: Visit) -> Response:
    values = {"email": visit.query.get("email", "")[:254]}
    return visit.render("identity/resend.html", values=values, errors=NO_ERRORS)


async def resend(visit: Visit) -> Response:
    return await _mail_me(visit, "/api/v1/users/verify/resend", "identity/resend.html", "confirm")


async def forgot_form(visit: Visit) -> Response:
    values = {"email": visit.query.get("email", "")[:254]}
    return visit.render("identity/forgot.html", values=values, errors=NO_ERRORS)


async def forgot(visit: Visit) -> Response:
    return await _mail_me(visit, "/api/v1/password-resets", "identity/forgot.html", "reset")


async def _mail_me(visit: Visit, path: str, template: str, purpose: str) -> Response:
    """The answer is the same for known and unknown addresses, and so is the page."""
    email, goes_on = visit.form.line("email"), visit.goes_on
    body = {"email": email} | ({"next": goes_on} if goes_on else {})
    answer = await visit.call("identity", "POST", path, json=body)
    if answer.status in _EXPECTED:
        errors = form_errors(answer, frozenset({"email"}))
        return visit.render(template, answer.status, values=visit.form, errors=errors)
    visit.require("identity", answer)
    return visit.redirect(with_next(f"/check-your-mail?email={quote(email)}&for={purpose}", goes_on))


async def reset_form(visit: Visit) -> Response:
    return visit.render("identity/reset.html", token=visit.query.get("token", ""), errors=NO_ERRORS)


async def reset(visit: Visit) -> Response:
    token = visit.form.get("token", "")
    answer = await visit.call(
        "identity",
        "POST",
        "/api/v1/password-resets/complete",
        json={"token": token, "password": visit.form.get("password", "")},
    )
    if answer.status in _EXPECTED:
        errors = form_errors(answer, frozenset({"password"}))
        return visit.render("identity/reset.html", answer.status, token=token, errors=errors)
    visit.require("identity", answer)
    response = visit.redirect(with_next("/sign-in", visit.goes_on), "password-changed")
    # Identity ended every session of this person, so the cookie in this browser is dead too.
    visit.site.sessions.sign_out(response)
    return response


async def sign_in_form(visit: Visit) -> Response:
    if visit.visitor is not None:
        return visit.redirect(visit.goes_on or HOME)
    return _sign_in_page(visit, NO_ERRORS)


async def sign_in(visit: Visit) -> Response:
    email = visit.form.get("email", "").strip()
    body = {"email": email, "password": visit.form.get("password", "")}
    answer = await visit.site.upstream.call(
        "identity", "POST", "/api/v1/sessions", json=body, visitor=None, headers=visit.came_from
    )
    if answer.status in _EXPECTED:
        return _sign_in_page(visit, form_errors(answer, frozenset({"email", "password"})), answer.status)
    session = visit.require("identity", answer).parse(NewSession)
    response = visit.redirect(visit.goes_on or HOME)
    visit.site.sessions.sign_in(response, session.token, session.expires_at)
    return response


def _sign_in_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    response = visit.render("identity/sign_in.html", status, values=visit.form, errors=errors)
    if errors.retry_after is not None:
        response.headers["retry-after"] = str(errors.retry_after)
    return response


async def sign_out(visit: Visit) -> Response:
    """The browser forgets its cookie even when identity cannot be told; the session then ends by its own time."""
    notice = "signed-out"
    if visit.visitor is not None:
        try:
            answer = await visit.site.upstream.call(
                "identity", "DELETE", "/api/v1/sessions/current", visitor=visit.visitor
            )
            if answer.status >= 500:
                notice = "signed-out-here"
        except UpstreamAway:
            notice = "signed-out-here"
    response = visit.redirect("/", notice)
    visit.site.sessions.sign_out(response)
    return response


ROUTES = (
    get("/sign-up", sign_up_form, PUBLIC),
    post("/sign-up", sign_up, PUBLIC),
    get("/check-your-mail", check_your_mail, PUBLIC),
    get("/verify", verify_form, PUBLIC),
    post("/verify", verify, PUBLIC),
    get("/verify/resend", resend_form, PUBLIC),
    post("/verify/resend", resend, PUBLIC),
    get("/sign-in", sign_in_form, PUBLIC),
    post("/sign-in", sign_in, PUBLIC),
    get("/forgot-password", forgot_form, PUBLIC),
    post("/forgot-password", forgot, PUBLIC),
    get("/reset-password", reset_form, PUBLIC),
    post("/reset-password", reset, PUBLIC),
    post("/sign-out", sign_out, PUBLIC),
)
