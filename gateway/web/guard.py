"""What every page's request passes first: the visitor, forgery, permission, errors.

`guarded` turns a page into an endpoint: it finds the visitor, refuses forged requests on every unsafe method, asks for
sign-in, a permission or the password where they are needed, and turns what went wrong into a page that says what to do.
"""

from collections.abc import Callable
from typing import Any

import structlog
from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.web.csrf import FIELD, SAFE_METHODS, Csrf, ForgeryRefused
from gateway.web.forms import NO_ERRORS, Form, FormErrors, form_errors, read_form, retry_after
from gateway.web.pages.route import PUBLIC, STAFF, PageRoute
from gateway.web.safe_next import safe_next, with_next
from gateway.web.upstream import NotUnderstood, Site, UpstreamAway, Visitor
from gateway.web.visit import ProofNeeded, Refused, SignInNeeded, Visit

log = structlog.get_logger()
PROOF = "proof"
_NOT_PROVED = frozenset({400, 422, 429})


def guarded(route: PageRoute, site: Site, environment: Environment) -> Callable[..., Any]:
    """The endpoint of a page; see the module's docstring for what it takes care of."""

    async def endpoint(request: Request) -> Response:
        visit = await _begin(request, site, environment)
        try:
            response = await _answer(visit, route)
        except SignInNeeded:
            response = _to_sign_in(visit)
        except ProofNeeded:
            response = _proof_page(visit, NO_ERRORS, 403)
        except ForgeryRefused:
            response = visit.render("errors/form_expired.html", 403)
        except HTTPException as error:
            response = error_page(visit, error.status_code)
        except Refused as error:
            response = _refusal_page(visit, error)
        except UpstreamAway as error:
            response = error_page(visit, 503, retry=error.retry_after)
        except NotUnderstood as error:
            log.exception("answer_not_understood", path=request.url.path, reason=str(error))
            response = error_page(visit, 500)
        visit.csrf.attach(response)
        response.headers.setdefault("cache-control", "no-store" if visit.visitor else "private, no-cache")
        return response

    return endpoint


async def _begin(request: Request, site: Site, environment: Environment) -> Visit:
    """Identity being away costs a public page only its "signed in" corner; other pages cannot do without."""
    visitor: Visitor | None = None
    away: UpstreamAway | None = None
    try:
        visitor = await site.sessions.visitor(request)
    except UpstreamAway as error:
        away = error
    visit = Visit(request, site, environment, visitor, Csrf.of(request, visitor, site.settings))
    request.state.identity_away = away
    return visit


async def _answer(visit: Visit, route: PageRoute) -> Response:
    unsafe = visit.request.method not in SAFE_METHODS
    away: UpstreamAway | None = visit.request.state.identity_away
    if away is not None and (unsafe or route.needs != PUBLIC):
        raise away
    if unsafe:
        visit.form = await read_form(visit.request)
        visit.csrf.verify(visit.request, visit.form.get(FIELD))
    if route.needs != PUBLIC:
        permitted = visit.member.is_staff if route.needs == STAFF else visit.member.may(route.needs)
        if not permitted:
            raise HTTPException(403)
    if visit.visitor is not None and PROOF in visit.form:
        refused = await _prove(visit)
        if refused is not None:
            return refused
    return await route.page(visit)


async def _prove(visit: Visit) -> Response | None:
    """The password typed on the page that asked for it, before what it was asked for is done; None when it is right."""
    password = visit.form[PROOF]
    visit.form = Form(pair for pair in visit.form.pairs if pair[0] != PROOF)
    answer = await visit.call("identity", "POST", "/api/v1/sessions/current/confirm", json={"password": password})
    if answer.status in _NOT_PROVED:
        return _proof_page(visit, form_errors(answer, frozenset({PROOF}), {"password": PROOF}), answer.status)
    visit.require("identity", answer)
    visit.visitor = await visit.site.sessions.renew(visit.request)
    return None


def _proof_page(visit: Visit, errors: FormErrors, status: int) -> Response:
    """Asks for the password. The form that needs it travels along and is sent with it, so nothing is typed twice."""
    kept = [pair for pair in visit.form.pairs if pair[0] not in {FIELD, PROOF}]
    return visit.render("errors/proof.html", status, kept=kept, errors=errors, field=PROOF)


def _to_sign_in(visit: Visit) -> Response:
    """Back to the same page after signing in; a form's own address would only answer 405, so its page instead."""
    if visit.is_fragment:
        return Response(status_code=401)
    url = visit.request.url
    destination = f"{url.path}?{url.query}" if url.query else url.path
    if visit.request.method not in SAFE_METHODS:
        destination = url.path.rsplit("/", 1)[0]
    return visit.redirect(with_next("/sign-in", safe_next(destination)), notice="sign-in-first")


def _refusal_page(visit: Visit, error: Refused) -> Response:
    status = error.answer.status
    shown = status if status in {403, 404, 409, 410, 429} else 503 if status >= 500 else 400
    detail = error.answer.detail if status < 500 else None
    return error_page(visit, shown, detail=detail, retry=retry_after(error.answer))


def error_page(visit: Visit, status: int, *, detail: str | None = None, retry: int | None = None) -> HTMLResponse:
    """What went wrong, in words, and what to do; a fragment gets one line in its place."""
    template = "errors/_panel.html" if visit.is_fragment else "errors/error.html"
    response = visit.render(template, status, code=status, detail=detail, retry=retry)
    if retry is not None:
        response.headers["retry-after"] = str(retry)
    return response
