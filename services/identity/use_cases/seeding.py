"""People who are there from the start: the first member of staff, the demonstration customer."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from services.identity.adapters.passwords import Passwords
from services.identity.domain import Membership, StaffMember, User, normalised_email
from services.identity.use_cases.registering import find_user, open_account
from shared.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Person:
    """The ids of a seeded person; `created` says whether this call made them."""

    user_id: str
    account_id: str
    created: bool


async def ensure_person(
    work: UnitOfWork,
    email: str,
    name: str,
    password: str,
    *,
    account_name: str | None = None,
    staff_roles: Iterable[str] = (),
    verified: bool = True,
) -> Person:
    """Makes the person unless the address is known; safe to repeat, and never changes an existing password.

    Verification and staff roles are added to an existing person, never taken away. Without `account_name` the
    account bears the person's name. Raises ValueError when `email` is not an address.
    """
    address = normalised_email(email)
    user = await find_user(work, address, lock=True)
    created = user is None
    if user is None:
        digest = await Passwords().hash(password)
        user = User.register(email=address, name=name, password_hash=digest, at=work.clock.now())
        work.add(user)
        await work.session.flush()
        account_id = await open_account(work, user, account_name or name)
    else:
        owned = select(Membership.account_id).where(Membership.user_id == user.id).order_by(Membership.created_at)
        account_id = (await work.session.execute(owned.limit(1))).scalar_one()
    if verified:
        user.verify(work.clock.now())
    await _ensure_staff(work, user, sorted(set(staff_roles)))
    return Person(user.id, account_id, created)


async def _ensure_staff(work: UnitOfWork, user: User, roles: list[str]) -> None:
    if not roles:
        return
    member = await work.session.get(StaffMember, user.id)
    if member is None:
        work.add(StaffMember(user_id=user.id, roles=roles, created_at=work.clock.now()))
    else:
        member.roles = sorted({*member.roles, *roles})
