"""What requests must look like."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from services.support.domain.tickets import LONGEST_BODY, LONGEST_SUBJECT
from shared.web.fields import Body, Line, Prose, body_id


def _unix_lines(value: object) -> object:
    """Browsers send a text area's line breaks as CR LF (WHATWG HTML, form submission); we keep LF."""
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


Subject = Annotated[Line, Field(min_length=1, max_length=LONGEST_SUBJECT)]
Words = Annotated[Prose, BeforeValidator(_unix_lines), Field(min_length=1, max_length=LONGEST_BODY)]
Priority = Literal["low", "normal", "high"]
TicketStatus = Literal["open", "answered", "customer_replied", "closed"]
ServiceId = body_id("svc")


class NewTicket(Body):
    """A question or problem, about one of the account's services or in general."""

    subject: Subject
    body: Words
    priority: Priority = "normal"
    service_id: ServiceId | None = None  # type: ignore[valid-type]  # made by body_id


class Reply(Body):
    """More words of a customer."""

    body: Words


class Answer(Body):
    """An answer of staff; an internal one is a note the customer does not see."""

    body: Words
    internal: bool = False


class SwitchBody(Body):
    """How a switch shall stand, and why: the reason goes into its history."""

    engaged: bool
    reason: Annotated[Line, Field(min_length=3, max_length=500)]
