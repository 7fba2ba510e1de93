"""Routes for customers: their invoices, and what renews."""

from fastapi import APIRouter

from services.billing import queries
from shared.contracts.reads.billing import InvoiceView, SubscriptionView
from shared.contracts.reads.common import Page
from shared.database import Database
from shared.web.access import Caller, customer_router
from shared.web.fields import path_id
from shared.web.pagination import PageQuery


def customer_routes(database: Database) -> APIRouter:
    """Invoices and subscriptions of the caller's account."""
    router = customer_router()

    @router.get("/invoices", permission="billing.read")
    async def list_invoices(caller: Caller, page: PageQuery) -> Page[InvoiceView]:
        """Every invoice of your account, newest first."""
        async with database.read() as session:
            return await queries.list_invoices(session, caller, page)

    @router.get("/invoices/{invoice_id}", permission="billing.read")
    async def get_invoice(
        caller: Caller,
        invoice_id: path_id("inv"),  # type: ignore[valid-type]  # an Annotated type made by a function
    ) -> InvoiceView:
        """One invoice, with links to its page and its PDF."""
        async with database.read() as session:
            return await queries.get_invoice(session, caller, invoice_id)

    @router.get("/subscriptions", permission="billing.read")
    async def list_subscriptions(caller: Caller, page: PageQuery) -> Page[SubscriptionView]:
        """What renews for your account: per order and interval, what is charged next and when. Newest first."""
        async with database.read() as session:
            return await queries.list_subscriptions(session, caller, page)

    return router
