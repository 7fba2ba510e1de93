"""What a payment page is asked for with (https://docs.stripe.com/api/checkout/sessions/create)."""

from typing import Any

from services.billing.adapters.payments import SessionLine, SessionRequest

_LONGEST_NAME = 250


def session_params(request: SessionRequest) -> dict[str, Any]:
    """The parameters of hosted Checkout for this request."""
    metadata = {
        "checkout_id": request.checkout_id,
        "order_id": request.order_id,
        "account_id": request.account_id,
        "attempt": str(request.attempt),
    }
    common: dict[str, Any] = {
        "mode": request.mode,
        "customer": request.customer_id,
        "client_reference_id": request.checkout_id,
        "metadata": metadata,
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
    }
    if request.mode == "subscription":
        return {**common, **_subscribing(request, metadata)}
    return {**common, **_paying_once(request, metadata)}


def _subscribing(request: SessionRequest, metadata: dict[str, str]) -> dict[str, Any]:
    """The subscription begins with the payment; set-up fees are one-time lines of its first invoice.

    Stripe refuses one price twice on a subscription, so lines of one price are one line there.
    """
    units: dict[str, int] = {}
    for line in request.lines:
        units[line.stripe_price_id] = units.get(line.stripe_price_id, 0) + line.quantity
    lines: list[dict[str, Any]] = [{"price": price, "quantity": quantity} for price, quantity in units.items()]
    mark = {**metadata, "group_id": request.group_id} if request.group_id is not None else metadata
    return {
        "line_items": lines + _fees(request),
        "subscription_data": {"description": f"Order {request.order_number}", "metadata": mark},
    }


def _paying_once(request: SessionRequest, metadata: dict[str, str]) -> dict[str, Any]:
    """The first period of everything and all fees at once, on one invoice; the card is kept for what renews."""
    firsts = [_once(request, line, line.unit_amount_minor, product=line.product_id) for line in request.lines]
    return {
        "line_items": firsts + _fees(request),
        "payment_intent_data": {
            "setup_future_usage": "off_session",
            "description": f"Order {request.order_number}",
            "metadata": metadata,
        },
        "invoice_creation": {
            "enabled": True,
            "invoice_data": {"description": f"Order {request.order_number}", "metadata": metadata},
        },
    }


def _fees(request: SessionRequest) -> list[dict[str, Any]]:
    return [
        _once(request, line, line.setup_fee_minor, product_data={"name": f"Set-up: {line.description}"[:_LONGEST_NAME]})
        for line in request.lines
        if line.setup_fee_minor
    ]


def _once(request: SessionRequest, line: SessionLine, amount_minor: int, **product: Any) -> dict[str, Any]:
    price = {"currency": request.currency.lower(), "unit_amount": amount_minor, **product}
    return {"price_data": price, "quantity": line.quantity}
