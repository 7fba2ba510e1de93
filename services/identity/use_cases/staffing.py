"""Who works for us: adding and removing members of staff, by an operator who is not signed in here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from services.identity.domain import StaffMember, User, Verification, normalised_email
from services.identity.use_cases import verifying
from services.identity.use_cases.registering import find_user
from services.identity.use_cases.sessions import end_sessions_of
from shared.contracts.permissions import STAFF_ROLES
from shared.database import UnitOfWork
from shared.kernel import Invalid, NotFound

_LONGEST_OPERATOR = 64


@dataclass(frozen=True, slots=True)
class Added:
    """A member of staff; `link` is the verification with which they set a password, where they need one."""

    user: User
    roles: tuple[str, ...]
    link: Verification | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """One line of the list of staff; `can_sign_in` says whether they have set a password."""

    email: str
    name: str
    roles: tuple[str, ...]
    since: datetime
    can_sign_in: bool


async def add_staff(work: UnitOfWork, email: str, roles: Iterable[str], *, by: str, name: str = "") -> Added:
    """Gives the person with this address these roles, besides those they have; makes the person when nobody has it.

    Nobody gets a password here. Who has none, or has not proved the address, gets a mail with a link to set one; a
    password that somebody chose before they proved the address is void from now on, since it may be a stranger's.
    `by` is the operator. Raises Invalid for a role that does not exist, ValueError for what is no address.
    """
    wanted = sorted(set(roles))
    if not wanted or not set(wanted) <= STAFF_ROLES.keys():
        raise Invalid(f"A role is one of: {', '.join(STAFF_ROLES)}.")
    now = work.clock.now()
    user = await find_user(work, normalised_email(email), lock=True)
    if user is None:
        user = User.register(email=normalised_email(email), name=name or email.partition("@")[0], at=now)
        work.add(user)
        await work.session.flush()
    member = await work.session.get(StaffMember, user.id)
    if member is None:
        member = StaffMember(user_id=user.id, roles=[], created_at=now)
        work.add(member)
    member.roles = sorted({*member.roles, *wanted})
    user.note("staff_added", at=now, by=by[:_LONGEST_OPERATOR], detail={"roles": wanted})
    return Added(user, tuple(member.roles), await _link_to_set_a_password(work, user))


async def _link_to_set_a_password(work: UnitOfWork, user: User) -> Verification | None:
    if user.verified and user.credential is not None:
        return None
    user.drop_password()
    await end_sessions_of(work, user.id)
    await verifying.void_pending(work, user.id, "verify_email")
    return await verifying.issue(work, user, "reset_password")


async def remove_staff(work: UnitOfWork, email: str, *, by: str) -> User:
    """Takes every staff role away and ends every session; the person stays. Raises NotFound when they are no staff."""
    user = await find_user(work, normalised_email(email), lock=True)
    member = await work.session.get(StaffMember, user.id) if user is not None else None
    if user is None or member is None:
        raise NotFound("Nobody with this address is a member of staff.")
    user.note("staff_removed", at=work.clock.now(), by=by[:_LONGEST_OPERATOR], detail={"roles": list(member.roles)})
    await work.session.delete(member)
    await end_sessions_of(work, user.id)
    return user


async def list_staff(work: UnitOfWork) -> list[Colleague]:
    """Everybody who works for us, by address."""
    found = await work.session.execute(
        select(User, StaffMember).join(StaffMember, StaffMember.user_id == User.id).order_by(User.email_key)
    )
    return [
        Colleague(
            user.email, user.name, tuple(member.roles), member.created_at, user.verified and user.credential is not None
        )
        for user, member in found
    ]
