"""What staff may call: an account is suspended, and restored."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from services.identity.api.schemas import Status
from services.identity.use_cases import accounts
from shared.database import Database
from shared.web.access import staff_router
from shared.web.fields import Body, Line, path_id

AccountId = path_id("acc")


class Reason(Body):
    """Why, for those who ask later."""

    reason: Annotated[Line, Field(min_length=3, max_length=500)]


def staff_routes(database: Database) -> APIRouter:
    """Accounts of customers."""
    router = staff_router("/api/v1/staff/accounts")

    @router.post("/{account_id}/suspend", permission="staff.people.write", fresh=True)
    async def suspend_account(account_id: AccountId, body: Reason) -> Status:  # type: ignore[valid-type]  # made by path_id
        """Lets the account's people only read, from their next request on. Safe to repeat."""
        await database.run(lambda work: accounts.suspend_account(work, account_id, body.reason))
        return Status(status="suspended")

    @router.post("/{account_id}/restore", permission="staff.people.write", fresh=True)
    async def restore_account(account_id: AccountId, body: Reason) -> Status:  # type: ignore[valid-type]  # made by path_id
        """Lets the account's people do again what their roles say. Safe to repeat."""
        await database.run(lambda work: accounts.restore_account(work, account_id))
        return Status(status="restored")

    return router
