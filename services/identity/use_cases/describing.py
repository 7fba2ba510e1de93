"""Telling the other contexts whose an account is, so that staff see people where there are only ids."""

from sqlalchemy import select

from services.identity.domain import Account, Membership, User
from shared.contracts.identity import AccountDescribed
from shared.database import UnitOfWork

BATCH = 500


def describe(work: UnitOfWork, account: Account, owner: User) -> None:
    """Tells who owns the account, as of now."""
    now = work.clock.now()
    account.described_at = now
    work.publish(
        AccountDescribed(
            account_id=account.id,
            account_name=account.name,
            owner_name=owner.name,
            owner_email=owner.email,
            described_at=now,
        )
    )


async def describe_accounts(work: UnitOfWork) -> int:
    """Tells of up to `BATCH` accounts that nobody was told of: those made before there was anybody to tell."""
    statement = (
        select(Account, User)
        .join(Membership, Membership.account_id == Account.id)
        .join(User, User.id == Membership.user_id)
        .where(Account.described_at.is_(None), Membership.role == "owner")
        .order_by(Account.id, Membership.created_at)
        .distinct(Account.id)
        .limit(BATCH)
    )
    found = (await work.session.execute(statement)).tuples().all()
    for account, owner in found:
        describe(work, account, owner)
    return len(found)
