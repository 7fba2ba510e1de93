"""Reading a submitted form: urlencoded only, bounded, and never trusted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.web.upstream import Answer

MAX_BODY_BYTES = 256 * 1024
_MAX_FIELDS = 250


class Form(dict[str, str]):
    """The fields of a form, or of a query: the last value of each, and all of them where a name is repeated."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs = tuple(pairs)
        super().__init__(self.pairs)

    def all(self, name: str) -> list[str]:
        """Every value given for `name`, in order."""
        return [value for key, value in self.pairs if key == name]

    def line(self, name: str) -> str:
        """The value without white space around it; empty when there is none."""
        return self.get(name, "").strip()


async def read_form(request: Request) -> Form:
    """The fields of the body.

    Raises HTTPException 415 (other media type), 413 (too large), 400 (not UTF-8, too many fields).
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in {"", "application/x-www-form-urlencoded"}:
        raise HTTPException(415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise HTTPException(400) from error
    # Browsers send CRLF line ends in text areas (HTML, 4.10.21.7); services get plain newlines.
    return Form((name, value.replace("\r\n", "\n")) for name, value in pairs)


@dataclass(frozen=True, slots=True)
class FormErrors:
    """What a service found wrong, placed beside the field it is about, or above the form as `notice`."""

    fields: Mapping[str, str] = field(default_factory=dict)
    notice: str | None = None
    slug: str | None = None
    """The problem's kind, for a template that has better words than the service."""
    retry_after: int | None = None
    """Seconds to wait, when the service asked for it (RFC 9110, section 10.2.3)."""

    def __bool__(self) -> bool:
        return bool(self.fields or self.notice or self.slug)


NO_ERRORS = FormErrors()


def form_errors(answer: Answer, known: frozenset[str], names: Mapping[str, str] | None = None) -> FormErrors:
    """The problem in `answer` spread over the fields in `known`.

    A JSON pointer names the field by its last segment that is one (`/items/0/configuration/ssh_keys/1` is `ssh_keys`);
    `names` renames those that differ between the API and the form. What belongs to no field on the page goes into
    the notice.
    """
    problem: Mapping[str, Any] = answer.data if isinstance(answer.data, dict) else {}
    fields: dict[str, str] = {}
    loose: list[str] = []
    for error in problem.get("errors") or ():
        segments = [(names or {}).get(part, part) for part in str(error.get("pointer", "")).split("/")]
        name = next((one for one in reversed(segments) if one in known), None)
        detail = str(error.get("detail", ""))
        if name is not None:
            fields.setdefault(name, detail)
        elif detail:
            loose.append(detail)
    notice = " ".join(loose) or None
    if not fields and not notice:
        notice = str(problem.get("detail") or problem.get("title") or "") or None
    return FormErrors(fields, notice, answer.slug, retry_after(answer))


def retry_after(answer: Answer) -> int | None:
    """Seconds from `Retry-After`; the HTTP-date form is not used by our services."""
    value = answer.headers.get("retry-after", "")
    return int(value) if value.isascii() and value.isdigit() else None
