"""Verifications: asking for the mail, computing its link, and using the link once."""

from datetime import timedelta

from sqlalchemy import func, select, update

from services.identity.adapters.links import Links
from services.identity.domain import User, Verification
from services.identity.domain.verifications import VerificationPurpose
from shared.contracts.identity import VerificationRequested
from shared.database import UnitOfWork
from shared.kernel import Invalid
from shared.web.problems import Gone

# Enough for somebody whose mail is slow, too few to be a nuisance.
MAILS_PER_WINDOW = 5
MAIL_WINDOW = timedelta(hours=1)
_EXPIRED = "verification-expired"


async def issue(
    work: UnitOfWork, user: User, purpose: VerificationPurpose, next_path: str | None = None
) -> Verification | None:
    """Asks for a mail to `user`, who is locked by the caller. None when this address had enough of them lately.

    A new password reset makes the earlier ones useless. Without a `next_path` a confirmation keeps the last one's own:
    who asks for it once more still wants to go where they were going. Of the other mails an earlier one may be from
    another year, so they lead where this one was asked for.
    """
    now = work.clock.now()
    recent = await work.session.execute(
        select(func.count()).where(
            Verification.user_id == user.id,
            Verification.purpose == purpose,
            Verification.created_at > now - MAIL_WINDOW,
        )
    )
    if recent.scalar_one() >= MAILS_PER_WINDOW:
        return None
    if purpose == "reset_password":
        await void_pending(work, user.id, purpose)
    if next_path is None and purpose == "verify_email":
        next_path = await _last_path(work, user.id, purpose)
    verification = Verification.request(user.id, purpose, now, next_path)
    work.add(verification)
    work.publish(
        VerificationRequested(
            verification_id=verification.id,
            purpose=purpose,
            user_id=user.id,
            email=user.email,
            name=user.name,
            locale=user.locale,
        )
    )
    return verification


async def _last_path(work: UnitOfWork, user_id: str, purpose: VerificationPurpose) -> str | None:
    latest = (
        select(Verification.next_path)
        .where(Verification.user_id == user_id, Verification.purpose == purpose)
        .order_by(Verification.created_at.desc())
        .limit(1)
    )
    return (await work.session.execute(latest)).scalar_one_or_none()


async def void_pending(work: UnitOfWork, user_id: str, *purposes: VerificationPurpose) -> None:
    """Makes every unused verification of these purposes useless."""
    await work.session.execute(
        update(Verification)
        .where(
            Verification.user_id == user_id,
            Verification.purpose.in_(purposes),
            Verification.used_at.is_(None),
            Verification.voided_at.is_(None),
        )
        .values(voided_at=work.clock.now())
    )


async def find(
    work: UnitOfWork, links: Links, token: str, purpose: VerificationPurpose, *, lock: bool
) -> tuple[User, Verification]:
    """The usable verification behind a token, and whose it is; with `lock`, both for this change alone.

    Raises Invalid for a token that is not ours, Gone for one that was used or whose time is over.
    """
    verification_id = links.read(token, purpose)
    if verification_id is None:
        raise _unknown()
    person = select(User).join(Verification, Verification.user_id == User.id).where(Verification.id == verification_id)
    wanted = select(Verification).where(Verification.id == verification_id)
    if lock:  # the person first, always: whoever locks both does it in this order
        person, wanted = person.with_for_update(of=User), wanted.with_for_update()
    user = (await work.session.execute(person)).scalar_one_or_none()
    verification = (await work.session.execute(wanted)).scalar_one_or_none()
    if user is None or verification is None:
        raise _unknown()
    state = verification.state(work.clock.now())
    if state == "used":
        raise Gone("This link was used already.", slug="verification-used", title="Link already used")
    if state == "expired":
        raise Gone("This link is no longer valid. Ask for a new one.", slug=_EXPIRED, title="Link expired")
    return user, verification


async def take(work: UnitOfWork, links: Links, token: str, purpose: VerificationPurpose) -> tuple[User, Verification]:
    """Uses a token up. Raises what `find` raises."""
    user, verification = await find(work, links, token, purpose, lock=True)
    verification.used_at = work.clock.now()
    await work.session.flush()
    return user, verification


async def link_of(work: UnitOfWork, links: Links, verification_id: str) -> str:
    """The address to put into the mail of a verification. Raises Gone when opening it would be pointless."""
    verification = await work.one(
        select(Verification).where(Verification.id == verification_id), "There is no such verification."
    )
    if verification.state(work.clock.now()) != "pending":
        raise Gone("This verification can no longer be used.", slug=_EXPIRED, title="Link expired")
    return links.url(verification)


def _unknown() -> Invalid:
    return Invalid(
        "This link is not complete or not one of ours. Open it again from the mail, or ask for a new one.",
        slug="verification-invalid",
        title="Link not valid",
    )
