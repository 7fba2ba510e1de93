"""Who is acting: a person for an account, a member of staff, or one of our own services."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """The verified caller. `authenticated_at` is when they last proved who they are; None when that is not known."""

    subject: str
    name: str = ""
    email: str = ""
    account_id: str | None = None
    account_name: str = ""
    role: str | None = None
    staff_roles: tuple[str, ...] = field(default=())
    session_id: str = ""
    permissions: frozenset[str] = field(default=frozenset())
    authenticated_at: datetime | None = None

    @property
    def service(self) -> str | None:
        """The calling service's name when the caller is one of ours."""
        return self.subject.removeprefix("service:") if self.subject.startswith("service:") else None

    @property
    def user_id(self) -> str:
        """The person's user id; empty for a service."""
        return "" if self.service else self.subject

    def may(self, permission: str) -> bool:
        """Whether this caller holds the permission."""
        return permission in self.permissions


# Set at the edge for the time of one request, job or fact; read where history and audit are written.
acting: ContextVar[str] = ContextVar("acting", default="system")
