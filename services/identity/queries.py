"""Reads for lists and screens."""

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.domain import Session, SshKey, User
from services.identity.domain.people import standing
from services.identity.domain.sessions import IDLE
from shared.contracts.reads.base import Page
from shared.contracts.reads.identity import AccountView, Me, SessionView, SshKeyList, SshKeyView, StaffView, UserView
from shared.kernel import Clock, Principal
from shared.web.pagination import PageRequest, page_of
from shared.web.problems import Unauthenticated


def user_view(user: User) -> UserView:
    """A person as the API shows them."""
    return UserView(id=user.id, email=user.email, name=user.name, locale=user.locale)


def ssh_key_view(key: SshKey) -> SshKeyView:
    """A public key as the API shows it."""
    return SshKeyView(
        id=key.id,
        name=key.name,
        kind=key.kind,
        fingerprint=key.fingerprint,
        public_key=key.public_key,
        created_at=key.created_at,
    )


async def ssh_keys(session: AsyncSession, wanted: Select[SshKey]) -> SshKeyList:
    """The keys in `wanted`, the newest first; an account has so few that they are one page."""
    rows = (await session.execute(wanted.order_by(SshKey.id.desc()))).scalars()
    return SshKeyList(data=[ssh_key_view(row) for row in rows])


async def me(session: AsyncSession, caller: Principal) -> Me:
    """The caller with their account and roles as of now. Raises Unauthenticated when they are gone."""
    row = (await session.execute(standing().where(User.id == caller.user_id))).one_or_none()
    if row is None:
        raise Unauthenticated("This person no longer exists.")
    user, account, role, staff_roles = row
    return Me(
        user=user_view(user),
        account=AccountView(id=account.id, name=account.name, role=role) if account and role else None,
        staff=StaffView(roles=staff_roles) if staff_roles else None,
        permissions=sorted(caller.permissions),
        authenticated_at=caller.authenticated_at,
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
