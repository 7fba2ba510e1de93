"""Staff suspend an account, and restore it. What it runs is not touched: that is decided for each service."""

import structlog
from sqlalchemy import select

from services.identity.domain import Account
from shared.database import UnitOfWork

log = structlog.get_logger()


async def suspend_account(work: UnitOfWork, account_id: str, reason: str) -> Account:
    """The account's people may only read, and write to us. Safe to repeat. Raises NotFound."""
    account = await _locked(work, account_id)
    if account.suspend(reason, at=work.clock.now(), by=work.actor):
        log.warning("account_suspended", account=account.id, by=work.actor)
    return account


async def restore_account(work: UnitOfWork, account_id: str) -> Account:
    """The account's people may do again what their roles say. Safe to repeat. Raises NotFound."""
    account = await _locked(work, account_id)
    if account.restore():
        log.warning("account_restored", account=account.id, by=work.actor)
    return account


async def _locked(work: UnitOfWork, account_id: str) -> Account:
    return await work.one(
        select(Account).where(Account.id == account_id).with_for_update(), "There is no such account."
    )
