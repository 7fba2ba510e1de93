"""The hosted invoice: a page and a PDF behind an unguessable address, as at Stripe."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe.money import readable
from sandbox.stripe.pages.pdf import document
from sandbox.stripe.pages.rendering import BUSINESS, headers, page, sandbox_of
from sandbox.stripe.store import JsonObject


def _invoice(request: Request) -> JsonObject | None:
    store = sandbox_of(request).store
    entry = store.get("invoice_page", request.path_params["token"])
    return None if entry is None else store.get("invoice", entry["invoice"])


async def show(request: Request) -> Response:
    """GET /i/{token}"""
    invoice = _invoice(request)
    if invoice is None:
        return page("closed.html", {"state": "unknown", "session": None, "leave_url": None}, status=404)
    return page("invoice.html", {"invoice": invoice})


async def download(request: Request) -> Response:
    """GET /i/{token}/pdf"""
    invoice = _invoice(request)
    if invoice is None:
        return page("closed.html", {"state": "unknown", "session": None, "leave_url": None}, status=404)
    disposition = f'attachment; filename="Invoice-{invoice["number"]}.pdf"'
    return Response(
        document(_rows(invoice)),
        media_type="application/pdf",
        headers={**headers(), "Content-Disposition": disposition},
    )


def _rows(invoice: JsonObject) -> list[tuple[str, str]]:
    currency = invoice["currency"]
    return [
        (f"{BUSINESS} - test invoice, no real money", ""),
        ("Invoice number", str(invoice["number"])),
        ("Status", str(invoice["status"])),
        ("Billed to", str(invoice["customer_email"] or invoice["customer"])),
        ("", ""),
        *((line["description"], readable(line["amount"], currency)) for line in invoice["lines"]["data"]),
        ("", ""),
        ("Total", readable(invoice["total"], currency)),
        ("Amount paid", readable(invoice["amount_paid"], currency)),
    ]


ROUTES = [
    Route("/i/{token}", show, methods=["GET"]),
    Route("/i/{token}/pdf", download, methods=["GET"]),
]
