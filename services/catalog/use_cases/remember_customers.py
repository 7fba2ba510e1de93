"""Whose an account is, as identity says it: kept here so that staff's lists and searches need ask nobody."""

from sqlalchemy.dialects.postgresql import insert

from services.catalog.domain import Customer
from shared.contracts.identity import AccountDescribed
from shared.database import UnitOfWork


async def on_account_described(work: UnitOfWork, event: AccountDescribed) -> None:
    """Keeps the newest description; older news changes nothing."""
    described = {
        "name": event.owner_name[:200],
        "email": event.owner_email[:320],
        "described_at": event.described_at,
    }
    statement = insert(Customer).values(account_id=event.account_id, **described)
    await work.session.execute(
        statement.on_conflict_do_update(
            index_elements=[Customer.account_id],
            set_=described,
            where=Customer.described_at < statement.excluded.described_at,
        )
    )
