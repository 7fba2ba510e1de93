"""Routes for our own services: catalog asks for payment pages."""

from fastapi import APIRouter

from services.billing.api.schemas import CheckoutBody, CheckoutView
from services.billing.domain import CheckoutLine
from services.billing.use_cases.open_checkout import CheckoutDesk
from services.billing.use_cases.prepare_checkout import CheckoutTerms
from shared.web.access import internal_router


def internal_routes(desk: CheckoutDesk) -> APIRouter:
    """The one synchronous call on the buying path."""
    router = internal_router("catalog")

    @router.post("/checkouts")
    async def open_checkout(body: CheckoutBody) -> CheckoutView:
        """Opens the payment page of an order, or returns the one it has: idempotent by the order's id."""
        terms = CheckoutTerms(
            order_id=body.order_id,
            order_number=body.order_number,
            account_id=body.account_id,
            currency=body.currency,
            total_minor=body.total_minor,
            expires_at=body.expires_at,
            lines=tuple(CheckoutLine(**line.model_dump()) for line in body.lines),
        )
        link = await desk.open(terms)
        return CheckoutView(checkout_id=link.checkout_id, url=link.url, expires_at=link.expires_at)

    return router
