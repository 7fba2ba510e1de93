"""A forgotten password: proving control of the address, then choosing a new one."""

from services.identity.adapters.links import Links
from services.identity.domain import SIGN_IN_PER_EMAIL, User
from services.identity.use_cases import throttling, verifying
from services.identity.use_cases.registering import find_user
from services.identity.use_cases.sessions import end_sessions_of
from shared.database import UnitOfWork


async def request_password_reset(work: UnitOfWork, email: str, next_path: str | None = None) -> None:
    """A reset mail to the person with this address; for an unknown address, nothing.

    `next_path` is the page of ours they were on their way to; the link in the mail leads on to it.
    """
    user = await find_user(work, email, lock=True)
    if user is not None:
        await verifying.issue(work, user, "reset_password", next_path)


async def check_reset(work: UnitOfWork, links: Links, token: str) -> User:
    """Whose password this token may change. Raises Invalid or Gone as using it would."""
    user, _verification = await verifying.find(work, links, token, "reset_password", lock=False)
    return user


async def complete_password_reset(work: UnitOfWork, links: Links, token: str, password_hash: str) -> None:
    """The new password holds, every session ends, and no other link of this person works any more.

    Opening the mail also proves the address, so it counts as verified.
    """
    user, _verification = await verifying.take(work, links, token, "reset_password")
    now = work.clock.now()
    user.change_password(password_hash, now)
    user.verify(now)
    await end_sessions_of(work, user.id)
    await verifying.void_pending(work, user.id, "reset_password", "verify_email")
    await throttling.forgive(work, SIGN_IN_PER_EMAIL, user.email_key)
