"""Billing, as catalog needs it: a page where an order can be paid. The one synchronous call on the buying path."""

from datetime import datetime
from typing import Annotated, Protocol

import structlog
from pydantic import AwareDatetime, BaseModel, StringConstraints, ValidationError

from shared.kernel import Conflict, Unavailable
from shared.web.client import HttpClient, HttpError, HttpResponse
from shared.web.tokens import TokenSigner

log = structlog.get_logger()

_AWAY = "The payment page cannot be opened right now. Your order is kept; try again in a few seconds."
_NOT_PAYABLE = "This order cannot be paid any more."
_RETRY_AFTER = 5
_LONGEST_RETRY_AFTER = 120


class CheckoutLine(BaseModel):
    """One line of what is to be paid; amounts are per unit, in minor units of the order's currency.

    `item_id` is the order's item that the money is for; `description` is what the line is called on an invoice.
    """

    item_id: str
    price_id: str
    name: str
    description: str
    quantity: int
    unit_amount_minor: int
    setup_fee_minor: int
    interval: str


class CheckoutRequest(BaseModel):
    """What is to be paid, by whom, and until when."""

    order_id: str
    order_number: str
    account_id: str
    currency: str
    total_minor: int
    expires_at: datetime
    lines: list[CheckoutLine]


class CheckoutPage(BaseModel):
    """The page that billing keeps open for an order."""

    checkout_id: str
    url: str
    expires_at: AwareDatetime


class _Problem(BaseModel):
    """The part of a problem document (RFC 9457) that is meant for a person."""

    detail: Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Checkouts(Protocol):
    """Whoever opens payment pages."""

    async def open(self, request: CheckoutRequest) -> CheckoutPage:
        """The page for this order: the same one however often it is asked for.

        Raises Conflict when the order cannot be paid and Unavailable when nobody can say now.
        """
        ...


class BillingCheckouts:
    """Payment pages opened by the billing service; it keys them by the order's id, so asking twice is safe."""

    def __init__(self, client: HttpClient, signer: TokenSigner) -> None:
        self._client = client
        self._signer = signer

    async def open(self, request: CheckoutRequest) -> CheckoutPage:
        """See `Checkouts.open`."""
        try:
            answer = await self._client.post(
                "/internal/checkouts",
                content=request.model_dump_json(),
                headers={
                    "Content-Type": "application/json",
                    "Authorization": f"Bearer {self._signer.for_service('billing')}",
                },
            )
        except HttpError as error:
            log.warning("billing_away", order=request.order_id, error=type(error).__name__)
            raise Unavailable(_AWAY, slug="billing-away", retry_after=_RETRY_AFTER) from error
        return _page(answer, request.order_id)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def _page(answer: HttpResponse, order_id: str) -> CheckoutPage:
    if answer.status_code == 409:
        raise Conflict(_reason(answer), slug="order-not-payable")
    if answer.status_code != 200:
        level = log.warning if answer.status_code >= 500 or answer.status_code == 429 else log.error
        level("billing_refused", order=order_id, status=answer.status_code)
        raise Unavailable(_AWAY, slug="billing-away", retry_after=_retry_after(answer))
    try:
        return CheckoutPage.model_validate_json(answer.content)
    except ValidationError as error:
        log.error("billing_answer_unreadable", order=order_id, errors=error.error_count())  # noqa: TRY400
        raise Unavailable(_AWAY, slug="billing-away", retry_after=_RETRY_AFTER) from error


def _reason(answer: HttpResponse) -> str:
    """Billing's own words for why, which may be shown to the customer."""
    try:
        return _Problem.model_validate_json(answer.content).detail
    except ValidationError:
        return _NOT_PAYABLE


def _retry_after(answer: HttpResponse) -> int:
    """Billing's own Retry-After in seconds (RFC 9110, section 10.2.3), within reason."""
    text = answer.headers.get("retry-after", "")
    return min(int(text), _LONGEST_RETRY_AFTER) if text.isascii() and text.isdigit() else _RETRY_AFTER
