"""The fake billing service, as customers see it."""

from typing import Any

from pydantic import BaseModel

from shared.contracts.reads.billing import InvoiceView, SubscriptionView
from shared.contracts.reads.common import Page
from tests.web.fake_routing import NOT_FOUND, Ask, page, route


@route("GET", "/invoices", Page[InvoiceView])
def list_invoices(ask: Ask) -> BaseModel:
    return page(ask, [row.view for row in ask.world.invoices if row.account_id == ask.account])


@route("GET", "/invoices/([^/]+)", InvoiceView)
def one_invoice(ask: Ask) -> Any:
    found = [row.view for row in ask.world.invoices if (row.account_id, row.view.id) == (ask.account, ask.path[0])]
    return found[0] if found else NOT_FOUND


@route("GET", "/subscriptions", Page[SubscriptionView])
def list_subscriptions(ask: Ask) -> BaseModel:
    return page(ask, [row.view for row in ask.world.subscriptions if row.account_id == ask.account])
