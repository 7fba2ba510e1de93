"""Whose an account is, kept for staff's lists."""

from sqlalchemy.dialects.postgresql import insert

from services.provisioning.domain import Customer
from shared.contracts.identity import AccountDescribed
from shared.database import UnitOfWork


async def remember_customer(work: UnitOfWork, fact: AccountDescribed) -> None:
    """Keeps the newest description of an account."""
    given = insert(Customer).values(
        account_id=fact.account_id,
        name=(fact.owner_name or fact.account_name)[:200],
        email=fact.owner_email[:320],
        described_at=fact.described_at,
    )
    await work.session.execute(
        given.on_conflict_do_update(
            index_elements=[Customer.account_id],
            set_={name: given.excluded[name] for name in ("name", "email", "described_at")},
            where=Customer.described_at < given.excluded.described_at,
        )
    )
