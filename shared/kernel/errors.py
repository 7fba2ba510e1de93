"""The ways a request can break a rule. Each carries a stable slug, which becomes the problem's `type`.

The domain raises these; only the edge knows that they become HTTP answers (`shared.web.problems`).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that needs attention. `pointer` is a JSON Pointer (RFC 6901) into the request body."""

    pointer: str
    detail: str


class DomainError(Exception):
    """A rule was broken. `slug` names the rule for machines, `detail` says to a person what to do."""

    slug = "rule-broken"
    title = "The request breaks a rule"

    def __init__(
        self,
        detail: str,
        *,
        slug: str | None = None,
        title: str | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.slug = slug or self.slug
        self.title = title or (slug.replace("-", " ").capitalize() if slug else self.title)
        self.errors = errors


class Invalid(DomainError):
    """The input cannot be accepted as it is (422)."""

    slug = "invalid"
    title = "Some of the input is not valid"


class NotFound(DomainError):
    """There is no such thing, or it is not yours: the two are not told apart (404)."""

    slug = "not-found"
    title = "Not found"


class Conflict(DomainError):
    """The request does not fit the present state (409)."""

    slug = "conflict"
    title = "The request does not fit the present state"


class Forbidden(DomainError):
    """You are known, and you may not do this (403)."""

    slug = "forbidden"
    title = "Not allowed"


class Unavailable(DomainError):
    """Something this needs is away; nothing was half-done; try again in `retry_after` seconds (503)."""

    slug = "unavailable"
    title = "Temporarily unavailable"

    def __init__(self, detail: str, *, slug: str | None = None, retry_after: int = 5) -> None:
        super().__init__(detail, slug=slug)
        self.retry_after = retry_after
