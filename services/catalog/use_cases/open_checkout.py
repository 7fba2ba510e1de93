"""The way to the payment page, in two changes with billing's answer between them.

`request_checkout` notes the intent, then the edge asks billing (which opens at most one page per order), then
`record_checkout` keeps the answer. A crash in between is repaired by the next request: billing answers the same page.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.catalog.adapters.billing import CheckoutLine, CheckoutPage, CheckoutRequest
from services.catalog.domain import Order
from services.catalog.domain.order_states import NOT_PAYABLE
from services.catalog.use_cases.loading import order_changed, own_order
from shared.database import UnitOfWork
from shared.kernel import Conflict, Principal

# A page about to close is asked for again, so that nobody is sent to a closed one.
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class OpenPage:
    """Where to pay, and until when."""

    url: str
    expires_at: datetime


async def request_checkout(work: UnitOfWork, *, caller: Principal, order_id: str) -> OpenPage | CheckoutRequest:
    """The page that is open already, or what to ask billing for.

    Raises NotFound for another account's order and Conflict (`order-not-payable`).
    """
    order = await own_order(work, caller, order_id)
    now = work.clock.now()
    order.request_checkout(at=now)
    url = order.open_checkout_url(at=now, margin=MARGIN)
    if url is not None and order.checkout_expires_at is not None:
        return OpenPage(url, order.checkout_expires_at)
    return _request(order)


async def record_checkout(
    work: UnitOfWork, *, caller: Principal, order_id: str, page: CheckoutPage
) -> OpenPage | Conflict:
    """Keeps the page billing opened.

    Returns the Conflict to raise, after the commit, when the order was closed while billing was asked. Billing was told
    so when it was closed (`order.canceled`, once) and closes the page by itself, or closed the order's page itself.
    """
    order = await own_order(work, caller, order_id)
    if not order.checkout_opened(page.checkout_id, page.url, page.expires_at, at=work.clock.now(), by=work.actor):
        return Conflict(NOT_PAYABLE[order.status], slug="order-not-payable")
    order_changed(work, order)
    return OpenPage(page.url, page.expires_at)


def _request(order: Order) -> CheckoutRequest:
    return CheckoutRequest(
        order_id=order.id,
        order_number=order.number,
        account_id=order.account_id,
        currency=order.currency,
        total_minor=order.total_minor,
        expires_at=order.expires_at,
        lines=[
            CheckoutLine(
                item_id=item.id,
                price_id=item.price_id,
                name=item.name,
                description=item.invoice_name,
                quantity=item.quantity,
                unit_amount_minor=item.unit_minor,
                setup_fee_minor=item.setup_fee_minor,
                interval=item.interval,
            )
            for item in order.items
        ],
    )
