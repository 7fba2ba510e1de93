"""Errors as RFC 9457 problem details: a stable `type`, words that say what to do, and never a trace."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.database import is_away, is_busy
from shared.database.engine import sqlstate
from shared.kernel import Conflict, DomainError, FieldError, Forbidden, Invalid, NotFound, Unavailable
from shared.web.context import request_id

log = structlog.get_logger()

BASE = "https://ez.solutions/problems/"
MEDIA_TYPE = "application/problem+json"
_STATUS: dict[type[DomainError], int] = {Invalid: 422, NotFound: 404, Conflict: 409, Forbidden: 403, Unavailable: 503}
_SLUGS = {400: "bad-request", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 405: "method-not-allowed"} | {
    408: "timeout",
    413: "body-too-large",
    415: "unsupported-media-type",
    429: "too-many-requests",
}


class Gone(DomainError):
    """It existed and is used up or over (410)."""

    slug = "gone"


class Unauthenticated(DomainError):
    """We do not know who you are (401)."""

    slug = "unauthenticated"
    title = "Sign in first"


class BadRequest(DomainError):
    """The request itself is malformed (400)."""

    slug = "bad-request"
    title = "The request cannot be understood"


class TooManyRequests(DomainError):
    """Slow down; try again in `retry_after` seconds (429)."""

    slug = "too-many-requests"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after: int, slug: str | None = None) -> None:
        super().__init__(detail, slug=slug)
        self.retry_after = retry_after


_STATUS |= {Gone: 410, Unauthenticated: 401, BadRequest: 400, TooManyRequests: 429}


def status_of(error: DomainError) -> int:
    """The HTTP status a broken rule is answered with."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return 422


def problem(
    status: int,
    slug: str,
    title: str,
    detail: str | None = None,
    *,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document. Its `request_id` is what a customer can quote to support."""
    body: dict[str, Any] = {"type": BASE + slug, "title": title, "status": status}
    if detail:
        body["detail"] = detail
    body["request_id"] = request_id()
    if errors:
        body["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in errors]
    return Response(orjson.dumps(body), status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def _retry(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


def domain_problem(error: DomainError) -> Response:
    """The answer to a broken rule."""
    headers: dict[str, str] = {}
    if isinstance(error, Unavailable | TooManyRequests):
        headers = _retry(error.retry_after)
    elif isinstance(error, Unauthenticated):
        headers = {"WWW-Authenticate": "Bearer"}
    return problem(status_of(error), error.slug, error.title, error.detail, errors=error.errors, headers=headers)


async def _on_domain(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    return domain_problem(error)


async def _on_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(item["loc"][0] == "path" for item in found):
        return problem(404, "not-found", "Not found", "There is nothing with this id.")
    if any(item["type"] == "json_invalid" for item in found):
        return problem(400, "malformed-json", "The body is not valid JSON", "Send one UTF-8 encoded JSON object.")
    fields = tuple(FieldError(_pointer(item["loc"]), str(item["msg"])[:200]) for item in found[:50])
    return problem(422, "invalid", Invalid.title, "Correct the fields listed in errors and try again.", errors=fields)


def _pointer(location: Sequence[Any]) -> str:
    parts = location[1:] if location and location[0] == "body" else location
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in parts)


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = str(error.detail)[:200]
    return problem(error.status_code, _SLUGS.get(error.status_code, "error"), title, headers=error.headers)


async def _on_database(_request: Request, error: Exception) -> Response:
    if is_away(error):
        log.warning("database_away", error=type(error).__name__)
        # Not "nothing was changed": the connection may have broken after the commit.
        detail = "Send the same request again shortly, with the same Idempotency-Key if it had one."
        return problem(503, "database-away", Unavailable.title, detail, headers=_retry(2))
    if is_busy(error):
        log.warning("database_busy", error=type(error).__name__)
        return problem(
            503, "busy", Unavailable.title, "Something else is changing it. Try again shortly.", headers=_retry(2)
        )
    if sqlstate(error).startswith("22"):  # data exception: a value no column can hold, e.g. NUL in text
        return problem(422, "invalid", Invalid.title, "A value contains characters or a size that cannot be stored.")
    return await _on_unhandled(_request, error)


async def _on_unhandled(_request: Request, error: Exception) -> Response:
    _report(error)
    return _internal_error()


def _report(error: Exception) -> None:
    log.error("unhandled", error=type(error).__name__, exc_info=error)


def _internal_error() -> Response:
    return problem(
        500, "internal-error", "Something went wrong on our side", "We have been told. Quote the request id to support."
    )


def unexpected(error: Exception) -> ASGIApp:
    """The answer to a request that failed as nobody expected; made within the request's context, whose id it names."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        _report(error)
        await _internal_error()(scope, receive, send)

    return answer


class UnhandledErrors:
    """Answers what no handler of the app expected, within the request's context, so that the answer has its id.

    `answer` makes the response; a problem document unless given.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[Request, Exception], Awaitable[Response]] | None = None) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request. An error after the first line of the answer ends the connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except Exception as error:
            if begun:
                raise
            _report(error)
            response = await self._answer(Request(scope, receive), error) if self._answer else _internal_error()
            await response(scope, receive, send)


def install_problem_handlers(app: FastAPI) -> None:
    """Makes every error of `app` a problem document."""
    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
        DomainError: _on_domain,
        RequestValidationError: _on_validation,
        HTTPException: _on_http,
        DBAPIError: _on_database,
        PoolTimeout: _on_database,
        ConnectionError: _on_database,
        OSError: _on_database,
        Exception: _on_unhandled,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
