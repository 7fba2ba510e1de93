"""What the pages need from the gateway around them.

`Upstream` carries a call to the service that owns it, `Sessions` knows who is asking, `WebSettings` is what the
operator configured. The pages import nothing else of the gateway, so they can be run against any implementation.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

Model = TypeVar("Model", bound=BaseModel)
Service = Literal["identity", "billing", "catalog", "provisioning", "support"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """The signed-in person, as identity resolved the session for this one request."""

    user_id: str
    email: str
    name: str
    account_id: str | None
    account_name: str | None
    role: str | None
    staff_roles: tuple[str, ...]
    session_id: str
    access_token: str = field(repr=False)
    """Internal bearer token; `Upstream` forwards it and the pages never render it."""
    permissions: frozenset[str] = frozenset()
    """What this person may do, in the words of `shared.contracts.permissions`."""

    @property
    def is_staff(self) -> bool:
        return bool(self.staff_roles)

    def may(self, permission: str) -> bool:
        """Whether to offer it; the service that is asked decides again."""
        return permission in self.permissions


class NotUnderstood(Exception):
    """A service answered something that is not what the published read model says."""

    def __init__(self, model: type[BaseModel], reason: ValidationError) -> None:
        super().__init__(f"no {model.__name__}: {reason.error_count()} fields differ")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered: any status, the decoded JSON body (None when there was none), and the headers.

    `headers` has lower-case names.
    """

    status: int
    data: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def slug(self) -> str | None:
        """The kind of problem: the last segment of its `type` (RFC 9457), e.g. `order-not-payable`."""
        if self.ok or not isinstance(self.data, dict):
            return None
        return str(self.data.get("type", "")).rsplit("/", 1)[-1] or None

    @property
    def detail(self) -> str | None:
        """What the problem says to the person in front of the page."""
        return str(self.data["detail"]) if isinstance(self.data, dict) and self.data.get("detail") else None

    def parse(self, model: type[Model]) -> Model:
        """The body as a read model. Raises `NotUnderstood` when it is not one."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise NotUnderstood(model, error) from error


class UpstreamAway(Exception):
    """The service could not be reached, did not answer in time, or its circuit breaker is open."""

    def __init__(self, service: str, retry_after: int | None = None) -> None:
        super().__init__(f"{service} is not answering")
        self.service = service
        self.retry_after = retry_after
        """Seconds after which a retry makes sense, when known."""


class Upstream(Protocol):
    """Calls a service. Request id and trace context are added by the implementation from its own request context;
    who the browser is and where it comes from, `Visit.came_from` says in `headers`."""

    async def call(
        self,
        service: Service,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        visitor: Visitor | None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request to `path` (already percent-encoded, starting with `/api/v1/`).

        Every HTTP status is an `Answer`, 4xx and 5xx included; only silence raises `UpstreamAway`.
        """
        ...

    def stream(self, service: Service, path: str, visitor: Visitor) -> AsyncIterator[bytes]:
        """The body of a `text/event-stream` answer, chunk by chunk, until either side closes.

        Raises `UpstreamAway` from the first step when the service is silent or answers anything but 200.
        Closing the iterator (`aclose`) closes the upstream connection.
        """
        ...


class Sessions(Protocol):
    async def visitor(self, request: Request) -> Visitor | None:
        """Who is asking, from the session cookie; None when there is no valid session.

        Raises `UpstreamAway` when identity cannot say. Called at most once per request.
        """
        ...

    async def renew(self, request: Request) -> Visitor | None:
        """The visitor asked for anew, after something about the session has changed: a proof of who they are, say."""
        ...

    def sign_in(self, response: Response, token: str, expires_at: datetime) -> None:
        """Set the `__Host-ez_session` cookie (HttpOnly, Secure, SameSite=Lax) on `response`."""
        ...

    def sign_out(self, response: Response) -> None:
        """Expire the session cookie. Ending the session at identity is the caller's own call."""
        ...


@dataclass(frozen=True, slots=True)
class WebSettings:
    site_name: str
    public_url: str
    """Scheme, host and port the visitors use, without a trailing slash."""
    checkout_origin: str
    """Origin of Stripe Checkout (or its sandbox): the only place outside this site a form may lead to."""
    csrf_secret: bytes = field(repr=False)
    """At least 32 random bytes, the same on every replica."""
    secure_cookies: bool = True
    """False only for plain-HTTP development; cookies then lose `Secure` and the `__Host-` prefix."""
    dev_mail: bool = False
    """Show a link to the caught mail at /dev/mail on pages that ask the visitor to check their mail."""

    def __post_init__(self) -> None:
        if len(self.csrf_secret) < 32:
            raise ValueError("csrf_secret must be at least 32 bytes")


@dataclass(frozen=True, slots=True)
class Site:
    """Everything the pages are given."""

    upstream: Upstream
    sessions: Sessions
    settings: WebSettings
