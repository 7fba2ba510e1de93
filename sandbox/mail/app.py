"""The SMTP side and the web side of the mailbox."""

from datetime import datetime
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from sandbox.mail.store import Mail, MailStore

_HERE = Path(__file__).parent


class _Catcher:
    """aiosmtpd's handler: whatever is accepted is kept."""

    def __init__(self, store: MailStore) -> None:
        self._store = store

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keeps the message."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        self._store.keep(content, envelope.rcpt_tos)
        return "250 Caught"


class MailSandbox:
    """One mailbox: `start_smtp` listens, `app` shows."""

    def __init__(self, path: Path | None, smtp_port: int, *, host: str = "127.0.0.1") -> None:
        self.store = MailStore(path)
        self._controller = Controller(_Catcher(self.store), hostname=host, port=smtp_port)
        self._pages = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)
        self._pages.filters.update(linked=_linked, moment=_moment)
        self.app = Starlette(
            routes=[
                Route("/dev/mail", self._list_page),
                Route("/dev/mail/style.css", self._style),
                Route("/dev/mail/mark.svg", self._mark),
                Route("/dev/mail/api/messages", self._list_json),
                Route("/dev/mail/{mail_id:int}", self._one_page),
            ]
        )

    def start_smtp(self) -> None:
        """Listens for mail, in a thread of its own."""
        self._controller.start()

    def stop(self) -> None:
        """Stops listening and closes the store."""
        self._controller.stop()
        self.store.close()

    async def _style(self, request: Request) -> Response:
        return await StaticFiles(directory=_HERE / "static").get_response("mail.css", request.scope)

    async def _mark(self, request: Request) -> Response:
        return await StaticFiles(directory=_HERE / "static").get_response("mark.svg", request.scope)

    async def _list_page(self, _request: Request) -> Response:
        return HTMLResponse(self._pages.get_template("list.html").render(mails=self.store.newest()))

    async def _one_page(self, request: Request) -> Response:
        mail = self.store.one(request.path_params["mail_id"])
        if mail is None:
            return HTMLResponse(self._pages.get_template("list.html").render(mails=self.store.newest()), 404)
        return HTMLResponse(self._pages.get_template("one.html").render(mail=mail))

    async def _list_json(self, request: Request) -> Response:
        mails = self.store.newest(request.query_params.get("to"))
        return JSONResponse({"data": [_as_json(mail) for mail in mails]})


def _as_json(mail: Mail) -> dict[str, Any]:
    return {name: getattr(mail, name) for name in Mail.__slots__}


def _moment(text: str) -> str:
    """`2026-01-31T12:00:05.250Z` as `31 January 2026, 12:00:05 UTC`."""
    return f"{datetime.fromisoformat(text):%-d %B %Y, %H:%M:%S} UTC"


def _linked(text: str) -> Markup:
    """The text with its addresses as links, everything else escaped."""
    parts = []
    for word in text.split(" "):
        lines = word.split("\n")
        parts.append(Markup("\n").join(_link(line) for line in lines))
    return Markup(" ").join(parts)


def _link(word: str) -> Markup:
    address = word.strip()
    if address.startswith(("http://", "https://")):
        return Markup('<a href="{0}">{0}</a>').format(address)
    return escape(word)
