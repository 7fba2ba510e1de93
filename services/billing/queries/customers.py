"""Whose something is, for staff: what is known here of an account."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.billing.domain import Checkout, Payer
from shared.contracts.reads.base import CustomerRef


async def of_orders(session: AsyncSession, order_ids: Iterable[str | None]) -> dict[str, CustomerRef]:
    """Whose orders these are, by the order."""
    wanted = {order_id for order_id in order_ids if order_id is not None}
    if not wanted:
        return {}
    statement = select(Checkout.order_id, Checkout.account_id).where(Checkout.order_id.in_(wanted))
    accounts = {row.order_id: row.account_id for row in await session.execute(statement)}
    known = await of_accounts(session, accounts.values())
    return {order_id: known[account_id] for order_id, account_id in accounts.items()}


async def of_accounts(session: AsyncSession, account_ids: Iterable[str | None]) -> dict[str, CustomerRef]:
    """These accounts, by their id; of one that is not known here there is no more than that."""
    wanted = {account_id for account_id in account_ids if account_id is not None}
    if not wanted:
        return {}
    statement = select(Payer.account_id, Payer.account_name, Payer.name, Payer.email)
    found = {account_id: CustomerRef(account_id=account_id) for account_id in wanted}
    for row in await session.execute(statement.where(Payer.account_id.in_(wanted))):
        whose = CustomerRef(account_id=row.account_id, name=row.account_name or row.name, email=row.email)
        found[row.account_id] = whose
    return found
