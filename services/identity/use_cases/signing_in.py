"""Signing in, in two changes with the slow check of the password between them."""

from dataclasses import dataclass

from sqlalchemy import select

from services.identity.domain import SIGN_IN_PER_EMAIL, SIGN_IN_PER_IP, Session, User, email_key
from services.identity.domain.attempts import network_of
from services.identity.domain.people import access_detail
from services.identity.use_cases import throttling
from services.identity.use_cases.registering import find_user
from shared.database import UnitOfWork
from shared.web.problems import Unauthenticated


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from, as far as we know."""

    ip: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says they are the owner of an address; `password_hash` is None when no password can be right."""

    email: str
    user_id: str | None
    password_hash: str | None
    counted_for_ip: int | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was just opened; `token` is shown once and kept nowhere."""

    session: Session
    token: str
    user: User


async def begin_sign_in(work: UnitOfWork, email: str, visitor: Visitor) -> Claim:
    """Counts the attempt and says what the password must be checked against. Raises TooManyRequests."""
    await throttling.admit(work, SIGN_IN_PER_EMAIL, email_key(email))
    counted = None
    if visitor.ip is not None:
        counted = await throttling.admit(work, SIGN_IN_PER_IP, network_of(visitor.ip))
    user = await find_user(work, email)
    return Claim(email, user.id if user else None, user.credential if user else None, counted)


async def complete_sign_in(
    work: UnitOfWork, claim: Claim, visitor: Visitor, *, new_hash: str | None = None
) -> Opened | None:
    """The password was right: forgets the failures and opens a session; None while the address is unverified.

    Raises Unauthenticated when the password was changed since it was checked: a reset ends every session, so none
    may be opened afterwards with the old password. `new_hash` replaces one made with outdated parameters.
    """
    found = await work.session.execute(select(User).where(User.id == claim.user_id).with_for_update())
    user = found.scalar_one_or_none()
    if user is None or user.password_hash != claim.password_hash:
        raise wrong_credentials()
    await throttling.forgive(work, SIGN_IN_PER_EMAIL, email_key(claim.email))
    await throttling.discard_event(work, claim.counted_for_ip)
    if new_hash is not None:
        user.password_hash = new_hash
    if not user.verified:
        return None
    now = work.clock.now()
    session, token = Session.open(user.id, visitor.ip, visitor.user_agent, now)
    work.add(session)
    user.note(
        "signed_in",
        at=now,
        by=user.id,
        detail={"session": session.id, **access_detail(visitor.ip, visitor.user_agent)},
    )
    return Opened(session, token, user)


def wrong_credentials() -> Unauthenticated:
    """The one answer to an unknown address and to a wrong password."""
    return Unauthenticated(
        "The e-mail address or the password is not right.",
        slug="invalid-credentials",
        title="These credentials are not right",
    )
