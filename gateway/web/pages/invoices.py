"""A customer's invoices."""

from urllib.parse import urlsplit

from starlette.responses import Response

from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get
from gateway.web.visit import Visit


async def invoices(visit: Visit) -> Response:
    return visit.render("invoices/list.html", listing=await read_listing(visit, "billing", "/api/v1/invoices"))


async def invoice(visit: Visit) -> Response:
    found = await visit.read("billing", f"/api/v1/invoices/{visit.path('invoice_id')}")
    return visit.render(
        "invoices/detail.html",
        invoice=found,
        hosted_url=web_address(found.get("hosted_invoice_url")),
        pdf_url=web_address(found.get("pdf_url")),
    )


def web_address(value: str | None) -> str | None:
    """`value` when it is an http(s) address; a link must never be able to run a script."""
    return value if value and urlsplit(value).scheme in {"https", "http"} else None


ROUTES = (get("/invoices", invoices), get("/invoices/{invoice_id}", invoice))
