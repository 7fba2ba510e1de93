"""Templates, and the headers every page carries. No script runs on any of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sandbox.stripe.money import readable
from sandbox.stripe.work import Sandbox

BUSINESS = "EZ Solutions"


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %B %Y, %H:%M UTC")


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %B %Y")


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(money=readable, moment=_moment, day=_day)
_environment.globals["business"] = BUSINESS


def sandbox_of(request: Request) -> Sandbox:
    """The running sandbox behind a request."""
    sandbox = request.app.state.sandbox
    assert isinstance(sandbox, Sandbox)
    return sandbox


def headers(form_targets: tuple[str, ...] = ()) -> dict[str, str]:
    """Security headers. `form_targets` are URLs a form's answer redirects to: browsers hold those to form-action
    as well, so their origins are allowed."""
    origins = sorted({f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in form_targets})
    policy = (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        " ".join(["form-action 'self'", *origins]),
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def page(
    template: str, context: dict[str, Any], *, status: int = 200, form_targets: tuple[str, ...] = ()
) -> HTMLResponse:
    """A rendered page."""
    return HTMLResponse(_environment.get_template(template).render(context), status, headers=headers(form_targets))
