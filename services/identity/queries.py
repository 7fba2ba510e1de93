"""Reads for lists and screens."""

from pydantic import BaseModel
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.domain import Session, User
from services.identity.domain.people import standing
from services.identity.domain.sessions import IDLE
from shared.contracts.reads.common import Moment, Page
from shared.kernel import Clock
from shared.web.pagination import PageRequest, page_of
from shared.web.problems import Unauthenticated


class UserView(BaseModel):
    """A person, as they see themselves."""

    id: str
    email: str
    name: str
    locale: str


class AccountView(BaseModel):
    """The account a person acts for, and their role in it."""

    id: str
    name: str
    role: str


class StaffView(BaseModel):
    """What a member of staff works as."""

    roles: list[str]


class Me(BaseModel):
    """Who is signed in."""

    user: UserView
    account: AccountView | None
    staff: StaffView | None


class SessionView(BaseModel):
    """One place where the person is signed in; `current` marks the session that asks."""

    id: str
    created_at: Moment
    last_seen_at: Moment
    ip: str | None
    user_agent: str | None
    current: bool


def user_view(user: User) -> UserView:
    """A person as the API shows them."""
    return UserView(id=user.id, email=user.email, name=user.name, locale=user.locale)


async def me(session: AsyncSession, user_id: str) -> Me:
    """The person with their account and roles as of now. Raises Unauthenticated when they are gone."""
    row = (await session.execute(standing().where(User.id == user_id))).one_or_none()
    if row is None:
        raise Unauthenticated("This person no longer exists.")
    user, account, role, staff_roles = row
    return Me(
        user=user_view(user),
        account=AccountView(id=account.id, name=account.name, role=role) if account and role else None,
        staff=StaffView(roles=staff_roles) if staff_roles else None,
    )


def _live_sessions(user_id: str, clock: Clock) -> Select[Session]:
    now = clock.now()
    return select(Session).where(
        Session.user_id == user_id,
        Session.ended_at.is_(None),
        Session.expires_at > now,
        Session.last_seen_at > now - IDLE,
    )


async def sessions_of(
    session: AsyncSession, clock: Clock, user_id: str, current: str, page: PageRequest
) -> Page[SessionView]:
    """Where a person is signed in, the newest first."""

    def view(row: Session) -> SessionView:
        return SessionView(
            id=row.id,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            ip=row.ip,
            user_agent=row.user_agent,
            current=row.id == current,
        )

    return await page_of(session, _live_sessions(user_id, clock), Session.id, page, view)
