"""One request of one visitor, and the single door every page goes through.

`guarded` turns a page into an endpoint: it finds the visitor, refuses forged requests on every unsafe method,
asks for sign-in where the page needs it, and turns what went wrong into a page that says what to do.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.web.csrf import FIELD, SAFE_METHODS, Csrf, ForgeryRefused
from gateway.web.forms import Form, read_form, retry_after
from gateway.web.safe_next import safe_next, with_next
from gateway.web.upstream import Answer, Service, Site, UpstreamAway, Visitor
from shared.web.context import request_id

Access = Literal["public", "customer", "staff"]
_PATH_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NOTICE = re.compile(r"[a-z][a-z-]{0,40}")
NOTICE_COOKIE = "ez_notice"
THEME_COOKIE = "ez_theme"


class Refused(Exception):
    """A service answered a page's question with an error the page has no special use for."""

    def __init__(self, service: Service, answer: Answer) -> None:
        super().__init__(f"{service} answered {answer.status}")
        self.service = service
        self.answer = answer


class SignInNeeded(Exception):
    """The page is for people who are signed in."""


@dataclass(slots=True)
class Visit:
    """What a page works with: the request, who asks, the form they sent, and the way to the services."""

    request: Request
    site: Site
    environment: Environment
    visitor: Visitor | None
    csrf: Csrf
    form: Form = field(default_factory=dict)

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def member(self) -> Visitor:
        """The signed-in visitor; raises `SignInNeeded` when there is none."""
        if self.visitor is None:
            raise SignInNeeded
        return self.visitor

    @property
    def came_from(self) -> dict[str, str]:
        """The browser and its network address, for identity's record of sessions and its limits on guessing."""
        client = self.request.client
        sent = {"user-agent": self.request.headers.get("user-agent", ""), "x-client-ip": client.host if client else ""}
        return {name: value for name, value in sent.items() if value}

    def path(self, name: str) -> str:
        """A path parameter, safe to place in an upstream path. Anything unlike an id is not found."""
        value = str(self.request.path_params[name])
        if not _PATH_VALUE.fullmatch(value):
            raise HTTPException(404)
        return value

    async def call(
        self,
        service: Service,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any answer but an expired session, which always leads to sign-in."""
        answer = await self.site.upstream.call(
            service,
            method,
            path,
            json=json,
            params=params,
            visitor=self.visitor,
            headers={**self.came_from, **(headers or {})},
        )
        if answer.status == 401 and self.visitor is not None:
            raise SignInNeeded
        return answer

    async def read(self, service: Service, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON of a GET that has to succeed for the page to make sense; raises `Refused` otherwise."""
        return self.require(service, await self.call(service, "GET", path, params=params)).data

    def require(self, service: Service, answer: Answer) -> Answer:
        if not answer.ok:
            raise Refused(service, answer)
        return answer

    def render(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        theme = self.request.cookies.get(THEME_COOKIE)
        notice = self.request.cookies.get(NOTICE_COOKIE, "")
        page = self.environment.get_template(template).render(
            visitor=self.visitor,
            csrf_token=self.csrf.token,
            path=self.request.url.path,
            theme=theme if theme in {"light", "dark"} else None,
            notice=notice if _NOTICE.fullmatch(notice) else None,
            request_id=request_id() or None,
            **context,
        )
        response = HTMLResponse(page, status_code=status)
        if notice and not self.is_fragment:
            response.delete_cookie(NOTICE_COOKIE, path="/")
        return response

    def redirect(self, path: str, notice: str | None = None) -> RedirectResponse:
        """303 to one of our own pages, which shows `notice` (a code of templates/_notices.html) once."""
        response = RedirectResponse(path, status_code=303)
        if notice:
            secure = self.site.settings.secure_cookies
            response.set_cookie(
                NOTICE_COOKIE, notice, max_age=60, path="/", secure=secure, httponly=True, samesite="lax"
            )
        return response

    @property
    def is_fragment(self) -> bool:
        return self.request.headers.get("x-fragment") == "1"


Page = Callable[[Visit], Awaitable[Response]]


def guarded(page: Page, access: Access, site: Site, environment: Environment) -> Callable[..., Any]:
    """The endpoint of `page`; see the module's docstring for what it takes care of."""

    async def endpoint(request: Request) -> Response:
        visit = await _begin(request, access, site, environment)
        try:
            response = await _answer(visit, page, access)
        except SignInNeeded:
            response = _to_sign_in(visit)
        except ForgeryRefused:
            response = visit.render("errors/form_expired.html", 403)
        except HTTPException as error:
            response = error_page(visit, error.status_code)
        except Refused as error:
            response = _refusal_page(visit, error)
        except UpstreamAway as error:
            response = error_page(visit, 503, retry=error.retry_after)
        visit.csrf.attach(response)
        response.headers.setdefault("cache-control", "no-store" if visit.visitor else "private, no-cache")
        return response

    return endpoint


async def _begin(request: Request, access: Access, site: Site, environment: Environment) -> Visit:
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


async def _answer(visit: Visit, page: Page, access: Access) -> Response:
    unsafe = visit.request.method not in SAFE_METHODS
    away: UpstreamAway | None = visit.request.state.identity_away
    if away is not None and (unsafe or access != "public"):
        raise away
    if unsafe:
        visit.form = await read_form(visit.request)
        visit.csrf.verify(visit.request, visit.form.get(FIELD))
    if access != "public" and visit.visitor is None:
        raise SignInNeeded
    if access == "staff" and not visit.member.is_staff:
        raise HTTPException(403)
    return await page(visit)


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
    detail = error.answer.data.get("detail") if isinstance(error.answer.data, dict) and status < 500 else None
    return error_page(visit, shown, detail=detail, retry=retry_after(error.answer))


def error_page(visit: Visit, status: int, *, detail: str | None = None, retry: int | None = None) -> HTMLResponse:
    response = visit.render("errors/error.html", status, code=status, detail=detail, retry=retry)
    if retry is not None:
        response.headers["retry-after"] = str(retry)
    return response
