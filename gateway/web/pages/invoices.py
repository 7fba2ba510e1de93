"""A customer's invoices."""

from urllib.parse import urlsplit

from starlette.responses import Response

from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get
from gateway.web.visit import Visit
from shared.contracts.reads.billing import InvoiceView


async def invoices(visit: Visit) -> Response:
    listing = await read_listing(visit, "billing", "/api/v1/invoices", InvoiceView)
    return visit.render("invoices/list.html", listing=listing)


async def invoice(visit: Visit) -> Response:
    found = await visit.read("billing", f"/api/v1/invoices/{visit.path('invoice_id')}", InvoiceView)
    return visit.render(
        "invoices/detail.html",
        invoice=found,
        hosted_url=web_address(found.hosted_invoice_url),
        pdf_url=web_address(found.pdf_url),
    )


def web_address(value: str | None) -> str | None:
    """`value` when it is an http(s) address; a link must never be able to run a script."""
    return value if value and urlsplit(value).scheme in {"https", "http"} else None


ROUTES = (get("/invoices", invoices, "billing.read"), get("/invoices/{invoice_id}", invoice, "billing.read"))
