"""Proving again who one is, in two changes with the slow check of the password between them.

A guess here counts like a guess at sign-in: who found an open browser must not try passwords faster than a stranger.
"""

from sqlalchemy import select

from services.identity.domain import SIGN_IN_PER_EMAIL, Session, User
from services.identity.use_cases import throttling
from services.identity.use_cases.signing_in import Claim
from shared.database import UnitOfWork
from shared.kernel import Invalid, NotFound, Principal


async def begin_confirmation(work: UnitOfWork, caller: Principal) -> Claim:
    """Counts the attempt and says what the password must be checked against. Raises TooManyRequests."""
    user = await work.one(select(User).where(User.id == caller.user_id), "This person no longer exists.")
    await throttling.admit(work, SIGN_IN_PER_EMAIL, user.email_key)
    return Claim(user.email, user.id, user.password_hash, None)


async def complete_confirmation(work: UnitOfWork, caller: Principal, claim: Claim) -> None:
    """The password was right: the caller's session counts as freshly proved.

    Raises NotFound when the session has ended, and Invalid when the password was changed since it was checked.
    """
    user = await work.one(
        select(User).where(User.id == caller.user_id).with_for_update(), "This person no longer exists."
    )
    session = await work.one(
        select(Session).where(Session.id == caller.session_id, Session.user_id == user.id).with_for_update(),
        "There is no such session.",
    )
    now = work.clock.now()
    if not session.is_live(now):
        raise NotFound("There is no such session.")
    if user.password_hash != claim.password_hash:
        raise wrong_password()
    await throttling.forgive(work, SIGN_IN_PER_EMAIL, user.email_key)
    session.prove(now)
    user.note("confirmed", at=now, by=work.actor, detail={"session": session.id})


def wrong_password() -> Invalid:
    """The answer to a wrong password of somebody who is signed in: not 401, which would sign them out."""
    return Invalid("The password is not right.", slug="wrong-password", title="The password is not right")
