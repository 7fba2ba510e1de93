"""Routes for staff: the ledger."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.billing.queries.ledger import balances, list_entries
from shared.contracts.reads.base import Page
from shared.contracts.reads.billing import BalanceView, EntryView
from shared.database import Database
from shared.web.access import staff_router
from shared.web.fields import body_id
from shared.web.pagination import PageQuery


def ledger_routes(database: Database) -> APIRouter:
    """Entries and balances. Nothing is written here: entries follow from what Stripe says."""
    router = staff_router()

    @router.get("/ledger", permission="staff.billing.read")
    async def list_ledger(
        page: PageQuery,
        order_id: Annotated[body_id("ord") | None, Query()] = None,  # type: ignore[valid-type]  # an Annotated type
    ) -> Page[EntryView]:
        """What moved, the latest first: of everything, or of one order."""
        async with database.read() as session:
            return await list_entries(session, page, order_id=order_id)

    @router.get("/ledger/balances", permission="staff.billing.read")
    async def list_balances() -> Page[BalanceView]:
        """What every account of the ledger holds, per currency."""
        async with database.read() as session:
            return Page(data=await balances(session))

    return router
