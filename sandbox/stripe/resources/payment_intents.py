"""Payment intents (https://docs.stripe.com/api/payment_intents), created by Checkout and by renewals."""

from copy import deepcopy
from typing import Any

from sandbox.stripe.cards import Decline
from sandbox.stripe.ids import new_id, token
from sandbox.stripe.listing import page
from sandbox.stripe.parameters import PAGE, Fields, Text
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

LIST = Fields({**PAGE, "customer": Text()})
RETRIEVE = Fields({"expand": PAGE["expand"], "client_secret": Text()})
_CARD_OPTIONS = {
    "installments": None,
    "mandate_options": None,
    "network": None,
    "request_three_d_secure": "automatic",
}


# What is the same for every new intent.
_BLANK: JsonObject = {
    "object": "payment_intent",
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic_async",
    "confirmation_method": "automatic",
    "customer_account": None,
    "excluded_payment_method_types": None,
    "last_payment_error": None,
    "latest_charge": None,
    "livemode": False,
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "requires_payment_method",
    "transfer_data": None,
    "transfer_group": None,
}


def build(
    work: Work,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    description: str | None,
    metadata: dict[str, str],
    order_reference: str | None,
    off_session: bool,
) -> JsonObject:
    """A stored intent waiting for a payment method, announced as `payment_intent.created`."""
    identifier = new_id("payment_intent")
    intent = {
        **deepcopy(_BLANK),
        "id": identifier,
        "amount": amount,
        "client_secret": f"{identifier}_secret_{token(25)}",
        "created": work.now,
        "currency": currency,
        "customer": customer,
        "description": description,
        "metadata": metadata,
        "payment_details": {"customer_reference": None, "order_reference": order_reference},
        "payment_method_options": {
            "card": {**_CARD_OPTIONS, **({"setup_future_usage": "off_session"} if off_session else {})}
        },
        "setup_future_usage": "off_session" if off_session else None,
    }
    work.store.insert("payment_intent", intent)
    work.emit("payment_intent.created", intent)
    return intent


def succeed(work: Work, intent: JsonObject, charge: JsonObject, method: JsonObject) -> JsonObject:
    """The money arrived: `payment_intent.succeeded`."""
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charge["id"],
        payment_method=method["id"],
        customer=charge["customer"],
        last_payment_error=None,
        next_action=None,
    )
    work.store.save("payment_intent", intent)
    work.emit("payment_intent.succeeded", intent)
    return intent


def fail(work: Work, intent: JsonObject, decline: Decline, method: JsonObject, charge: JsonObject | None) -> JsonObject:
    """The payer may try another card: `payment_intent.payment_failed`."""
    error: JsonObject = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": method,
        "type": "card_error" if charge is not None else "invalid_request_error",
    }
    if charge is not None:
        error["charge"] = charge["id"]
        error["decline_code"] = decline.decline_code
        intent["latest_charge"] = charge["id"]
    intent.update(status="requires_payment_method", last_payment_error=error, payment_method=None, next_action=None)
    work.store.save("payment_intent", intent)
    work.emit("payment_intent.payment_failed", intent)
    return intent


def require_authentication(work: Work, intent: JsonObject, method: JsonObject, url: str) -> JsonObject:
    """The bank wants to see the payer first: `payment_intent.requires_action`."""
    intent.update(
        status="requires_action",
        payment_method=method["id"],
        last_payment_error=None,
        next_action={"type": "redirect_to_url", "redirect_to_url": {"return_url": url, "url": url}},
    )
    work.store.save("payment_intent", intent)
    work.emit("payment_intent.requires_action", intent)
    return intent


def cancel(work: Work, intent: JsonObject) -> None:
    """Checkout gave up on it: `payment_intent.canceled`."""
    intent.update(status="canceled", canceled_at=work.now, cancellation_reason="automatic", next_action=None)
    work.store.save("payment_intent", intent)
    work.emit("payment_intent.canceled", intent)


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/payment_intents/:id"""
    return work.require("payment_intent", identifier)


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/payment_intents"""
    return page(work, "payment_intent", "/v1/payment_intents", params, equal=("customer",))
