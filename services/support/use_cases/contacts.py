"""Keeping up with what identity and provisioning announce."""

from typing import cast

from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert

from services.support.domain import Contact, Customer, KnownService
from shared.contracts.identity import AccountDescribed, UserRegistered
from shared.database import UnitOfWork
from shared.kernel import NotFound, Principal

# Built once: putting a statement together costs more than running it.
_person = insert(cast(Table, Contact.__table__))
_REMEMBER_PERSON = _person.on_conflict_do_update(
    index_elements=["user_id"],
    set_={name: _person.excluded[name] for name in ("account_id", "email", "name", "locale")},
)


async def remember_person(work: UnitOfWork, event: UserRegistered) -> None:
    """Whom to write to in an account. What identity says replaces what we guessed."""
    said = {
        "user_id": event.user_id,
        "account_id": event.account_id,
        "email": event.email,
        "name": event.name,
        "locale": event.locale,
        "created_at": work.clock.now(),
    }
    await work.session.execute(_REMEMBER_PERSON, said)


async def remember_account(work: UnitOfWork, event: AccountDescribed) -> None:
    """Whose an account is, for staff's lists; older news changes nothing."""
    said = insert(Customer).values(
        account_id=event.account_id,
        account_name=event.account_name,
        owner_name=event.owner_name,
        owner_email=event.owner_email,
        described_at=event.described_at,
    )
    await work.session.execute(
        said.on_conflict_do_update(
            index_elements=[Customer.account_id],
            set_={name: said.excluded[name] for name in ("account_name", "owner_name", "owner_email", "described_at")},
            where=Customer.described_at < said.excluded.described_at,
        )
    )


async def remember_caller(work: UnitOfWork, caller: Principal, account_id: str) -> None:
    """Keeps a caller whose registration has not been announced here yet: an answer must be able to reach them."""
    await work.session.execute(
        insert(Contact)
        .values(
            user_id=caller.user_id,
            account_id=account_id,
            email=caller.email,
            name=caller.name,
            locale="en",
            created_at=work.clock.now(),
        )
        .on_conflict_do_nothing()
    )


async def remember_service(work: UnitOfWork, service_id: str, account_id: str, name: str, version: int) -> None:
    """What a service is called and whose it is; news older than what we know changes nothing."""
    known = insert(KnownService).values(id=service_id, account_id=account_id, name=name, version=version)
    await work.session.execute(
        known.on_conflict_do_update(
            index_elements=[KnownService.id],
            set_={
                "account_id": known.excluded.account_id,
                "name": known.excluded.name,
                "version": known.excluded.version,
            },
            where=KnownService.version < known.excluded.version,
        )
    )


async def reach_of(work: UnitOfWork, account_id: str, user_id: str | None = None) -> Contact:
    """Whom to write to: this person, or else whoever founded the account.

    Raises NotFound while nobody of the account is known; facts may arrive in any order, so a consumer tries again.
    """
    if user_id is not None:
        person = await work.session.get(Contact, user_id)
        if person is not None:
            return person
    founder = await work.session.execute(
        select(Contact).where(Contact.account_id == account_id).order_by(Contact.created_at, Contact.user_id).limit(1)
    )
    contact = founder.scalar_one_or_none()
    if contact is None:
        raise NotFound("Nobody of this account is known yet.")
    return contact
