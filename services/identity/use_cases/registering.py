"""Signing up, and proving that the address is one's own."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from services.identity.adapters.links import Links
from services.identity.domain import User, email_key
from services.identity.domain.people import found_account
from services.identity.use_cases import verifying
from services.identity.use_cases.describing import describe
from shared.contracts.identity import UserRegistered
from shared.database import UnitOfWork

_UNIQUE_ADDRESS = "uq_users_email_key"


async def sign_up(
    work: UnitOfWork,
    *,
    email: str,
    name: str,
    account_name: str,
    password_hash: str,
    next_path: str | None = None,
) -> None:
    """A new person with an account of their own; for a known address, a mail to its owner and nothing else.

    `next_path` is the page of ours they were on their way to; the link in either mail leads on to it.

    Whoever asks cannot tell the two apart. Of any number of simultaneous sign-ups one makes the person.
    """
    user = await _claim_address(work, email=email, name=name, password_hash=password_hash)
    if user is None:
        known = await find_user(work, email, lock=True)
        if known is not None:
            await verifying.issue(work, known, "already_registered", next_path)
        return
    await open_account(work, user, account_name)
    await verifying.issue(work, user, "verify_email", next_path)


async def open_account(work: UnitOfWork, user: User, account_name: str) -> str:
    """An account owned by `user`, announced to the other contexts. Returns its id."""
    account, membership = found_account(user, account_name, work.clock.now())
    work.add(account)
    await work.session.flush()
    work.add(membership)
    work.publish(
        UserRegistered(
            user_id=user.id,
            account_id=account.id,
            account_name=account.name,
            email=user.email,
            name=user.name,
            locale=user.locale,
        )
    )
    describe(work, account, user)
    return account.id


async def request_verification(work: UnitOfWork, email: str, next_path: str | None = None) -> None:
    """A new verification mail for somebody who still needs one; for everybody else, nothing."""
    user = await find_user(work, email, lock=True)
    if user is not None and not user.verified:
        await verifying.issue(work, user, "verify_email", next_path)


async def verify_email(work: UnitOfWork, links: Links, token: str) -> None:
    """The address is proved; the other verification mails of this person are of no use any more."""
    user, _verification = await verifying.take(work, links, token, "verify_email")
    user.verify(work.clock.now())
    await verifying.void_pending(work, user.id, "verify_email")


async def find_user(work: UnitOfWork, email: str, *, lock: bool = False) -> User | None:
    """Whoever has this address, for this change alone when `lock` is set."""
    wanted = select(User).where(User.email_key == email_key(email))
    return (await work.session.execute(wanted.with_for_update() if lock else wanted)).scalar_one_or_none()


async def _claim_address(work: UnitOfWork, *, email: str, name: str, password_hash: str) -> User | None:
    """The new person, or None when somebody has the address. A simultaneous claim is waited for, then respected."""
    user = User.register(email=email, name=name, password_hash=password_hash, at=work.clock.now())
    try:
        async with work.session.begin_nested():
            work.add(user)
            await work.session.flush()
    except IntegrityError as error:
        if _UNIQUE_ADDRESS not in str(error.orig):
            raise
        return None
    return user
