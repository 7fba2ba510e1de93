"""Sessions: telling who a token belongs to, and ending them."""

from sqlalchemy import select, update

from services.identity.domain import Session, User
from services.identity.domain.people import standing
from services.identity.domain.sessions import token_hash
from shared.contracts.permissions import permissions_of
from shared.database import UnitOfWork
from shared.kernel import NotFound, Principal
from shared.web.problems import Unauthenticated


async def resolve_session(work: UnitOfWork, token: str) -> Principal:
    """Who holds this token now. Raises Unauthenticated for a token that is unknown, ended, expired or idle."""
    digest, now = token_hash(token), work.clock.now()
    if digest is None:
        raise _signed_out()
    found = await work.session.execute(
        standing().join(Session, Session.user_id == User.id).add_columns(Session).where(Session.token_hash == digest)
    )
    row = found.one_or_none()
    if row is None:
        raise _signed_out()
    user, account, role, staff_roles, session = row
    if not session.is_live(now):
        raise _signed_out()
    session.touch(now)
    return Principal(
        subject=user.id,
        name=user.name,
        email=user.email,
        account_id=account.id if account else None,
        account_name=account.name if account else "",
        role=role,
        staff_roles=tuple(staff_roles or ()),
        session_id=session.id,
        permissions=permissions_of(role, staff_roles or (), suspended=bool(account and account.suspended_at)),
        authenticated_at=session.authenticated_at,
    )


async def end_session(work: UnitOfWork, user_id: str, session_id: str) -> None:
    """Ends one of the person's own sessions; ending it again is harmless. Raises NotFound for anybody else's."""
    session = await work.one(
        select(Session).where(Session.id == session_id, Session.user_id == user_id).with_for_update(),
        "There is no such session.",
    )
    if not session.end(work.clock.now()):
        return
    user = await work.session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such person.")
    user.note("session_ended", at=work.clock.now(), by=user_id, detail={"session": session_id})


async def end_sessions_of(work: UnitOfWork, user_id: str) -> None:
    """Ends every session of a person: whoever held one must sign in again."""
    await work.session.execute(
        update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None)).values(ended_at=work.clock.now())
    )


def _signed_out() -> Unauthenticated:
    return Unauthenticated("The session has ended. Sign in again.", slug="session-ended")
