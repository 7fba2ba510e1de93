"""One request of one visitor: what a page works with."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.web.csrf import Csrf
from gateway.web.forms import Form
from gateway.web.safe_next import safe_next
from gateway.web.upstream import Answer, Model, NotUnderstood, Service, Site, UpstreamAway, Visitor
from shared.web.context import request_id

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


class ProofNeeded(Exception):
    """A service wants to see again, now, that the visitor is who they say."""


@dataclass(slots=True)
class Visit:
    """The request, who asks, the form they sent, and the way to the services."""

    request: Request
    site: Site
    environment: Environment
    visitor: Visitor | None
    csrf: Csrf
    form: Form = field(default_factory=Form)

    @property
    def query(self) -> Form:
        return Form(self.request.query_params.multi_items())

    @property
    def goes_on(self) -> str | None:
        """The page of ours that the visitor was on their way to, as the form or the address says (`next`)."""
        return safe_next(self.form.get("next") or self.query.get("next"))

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

    @property
    def is_fragment(self) -> bool:
        """Whether a script asks for a part of a page."""
        return self.request.headers.get("x-fragment") == "1"

    def may(self, permission: str) -> bool:
        """Whether to offer it to this visitor; the service that is asked decides again."""
        return self.visitor is not None and self.visitor.may(permission)

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
        """Any answer but two: an ended session leads to sign-in, a proof that is too old to the password."""
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
        if answer.status == 403 and answer.slug == "fresh-proof-needed":
            raise ProofNeeded
        return answer

    async def read(
        self, service: Service, path: str, model: type[Model], params: Mapping[str, str] | None = None
    ) -> Model:
        """What has to be there for the page to make sense. Raises `Refused` otherwise."""
        return self.require(service, await self.call(service, "GET", path, params=params)).parse(model)

    async def read_or_none(
        self, service: Service, path: str, model: type[Model], params: Mapping[str, str] | None = None
    ) -> Model | None:
        """What a page can do without: a silent service costs its own panel, not the page."""
        try:
            answer = await self.call(service, "GET", path, params=params)
            return answer.parse(model) if answer.ok else None
        except (UpstreamAway, NotUnderstood):
            return None

    def require(self, service: Service, answer: Answer) -> Answer:
        """The answer, when it is a success. Raises `Refused` otherwise."""
        if not answer.ok:
            raise Refused(service, answer)
        return answer

    def render(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """A page; `notice` and `theme` come from their cookies.

        `next` is where its ways in lead on to: what the page gives, or else where the visitor was going already.
        """
        theme = self.request.cookies.get(THEME_COOKIE)
        notice = self.request.cookies.get(NOTICE_COOKIE, "")
        page = self.environment.get_template(template).render(
            visitor=self.visitor,
            may=self.may,
            csrf_token=self.csrf.token,
            path=self.request.url.path,
            theme=theme if theme in {"light", "dark"} else None,
            notice=notice if _NOTICE.fullmatch(notice) else None,
            request_id=request_id() or None,
            **{"next": self.goes_on, **context},
        )
        response = HTMLResponse(page, status_code=status)
        if notice and not self.is_fragment:
            response.delete_cookie(NOTICE_COOKIE, path="/")
        return response

    def panel(self, template: str, title: str, **context: Any) -> HTMLResponse:
        """A part of a page that a script puts in its place, and that is a page of its own for everybody else."""
        shell = "panel.html" if self.is_fragment else "panel_page.html"
        return self.render(shell, panel=template, title=title, **context)

    def redirect(self, path: str, notice: str | None = None) -> RedirectResponse:
        """303 to one of our own pages, which shows `notice` (a code of templates/_notices.html) once."""
        response = RedirectResponse(path, status_code=303)
        if notice:
            secure = self.site.settings.secure_cookies
            response.set_cookie(
                NOTICE_COOKIE, notice, max_age=60, path="/", secure=secure, httponly=True, samesite="lax"
            )
        return response


Page = Callable[[Visit], Awaitable[Response]]
