"""Mails from templates: a text and an HTML part that say the same, and headers nobody can break out of.

Templates are ours and run in a sandbox; what people typed (names, subjects, messages) is only ever data in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any

from email_validator import EmailNotValidError, validate_email
from jinja2 import FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from shared.database import FailureClass, HandlingFailed
from shared.kernel import written

_TEMPLATES = Path(__file__).with_name("templates")
_LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class Letter:
    """What is needed to write one mail."""

    id: str
    template: str
    recipient: str
    recipient_name: str
    context: Mapping[str, Any]
    written_at: datetime


class Renderer:
    """Turns letters into mails from `sender` that link to `public_url`."""

    def __init__(self, sender: str, public_url: str) -> None:
        name, address = parseaddr(sender)
        self._sender = Address(display_name=name, addr_spec=address)
        self._public_url = public_url
        self._text = _environment(autoescape=False)
        self._html = _environment(autoescape=True)

    def render(self, letter: Letter, **more: Any) -> EmailMessage:
        """The mail. `more` is context that must not be stored, such as a secret link.

        The same letter gives the same Message-ID and date however often it is rendered (RFC 5322, 3.6.4), so a
        mail sent twice around a crash can be told to be one. Raises HandlingFailed for a letter that no attempt
        could turn into a mail.
        """
        try:
            return self._render(letter, more)
        except (ValueError, MessageError, TemplateError) as error:
            words = f"this mail cannot be written: {type(error).__name__}: {error}"
            raise HandlingFailed(words, FailureClass.PERMANENT) from error

    def _render(self, letter: Letter, more: Mapping[str, Any]) -> EmailMessage:
        context = {
            **letter.context,
            **more,
            "name": letter.recipient_name,
            "email": letter.recipient,
            "public_url": self._public_url,
        }
        template = self._text.get_template(f"{letter.template}.txt")
        subject, text = (
            "".join(template.blocks[block](template.new_context(context))) for block in ("subject", "body")
        )
        message = EmailMessage(policy=SMTPUTF8)
        message["Subject"] = one_line(subject)[:_LONGEST_SUBJECT]
        message["From"] = self._sender
        message["To"] = Address(display_name=one_line(letter.recipient_name), addr_spec=deliverable(letter.recipient))
        message["Date"] = format_datetime(letter.written_at)
        message["Message-ID"] = f"<{letter.id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text.strip() + "\n")
        html = self._html.get_template(f"{letter.template}.html").render(context, subject=one_line(subject))
        message.add_alternative(html, subtype="html")
        message.set_boundary(f"=_{letter.id}")
        return message


def one_line(text: str) -> str:
    """`text` without line breaks or control characters: a header value that cannot start another header."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def deliverable(address: str) -> str:
    """The address with its domain in ASCII (RFC 5891), which every mail server understands, where that is possible.

    Raises ValueError for what is no address at all.
    """
    if "@" not in address:
        raise ValueError("not an address")
    try:
        return validate_email(address, check_deliverability=False).ascii_email or address
    except EmailNotValidError:
        return address


def _day(moment: str) -> str:
    when = datetime.fromisoformat(moment)
    return f"{when.day} {when:%B %Y}"


def _goes_on(url: str) -> str:
    """The query of a link without a token: it says where the reader was going, and is good for another link too."""
    return "?" + url.partition("?")[2] if "?" in url else ""


def _environment(*, autoescape: bool) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=autoescape,  # the text part is no HTML: escaping would show &amp; to people
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = written
    environment.filters["day"] = _day
    environment.globals["goes_on"] = _goes_on
    return environment
