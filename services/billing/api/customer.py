"""Routes for customers: their invoices."""

from fastapi import APIRouter

from services.billing import queries
from services.billing.queries import InvoiceView
from shared.contracts.reads.common import Page
from shared.database import Database
from shared.web.access import Caller, account_of, customer_router
from shared.web.fields import path_id
from shared.web.pagination import PageQuery


def customer_routes(database: Database) -> APIRouter:
    """Invoices of the caller's account."""
    router = customer_router()

    @router.get("/invoices", permission="billing.read")
    async def list_invoices(caller: Caller, page: PageQuery) -> Page[InvoiceView]:
        """Every invoice of your account, newest first."""
        async with database.read() as session:
            return await queries.list_invoices(session, account_of(caller), page)

    @router.get("/invoices/{invoice_id}", permission="billing.read")
    async def get_invoice(
        caller: Caller,
        invoice_id: path_id("inv"),  # type: ignore[valid-type]  # an Annotated type made by a function
    ) -> InvoiceView:
        """One invoice, with links to its page and its PDF."""
        async with database.read() as session:
            return await queries.get_invoice(session, account_of(caller), invoice_id)

    return router
