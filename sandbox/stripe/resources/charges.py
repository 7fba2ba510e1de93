"""Charges (https://docs.stripe.com/api/charges): one attempt to move money, successful or not."""

from copy import deepcopy
from typing import Any

from sandbox.stripe.cards import Card, Decline
from sandbox.stripe.ids import new_id
from sandbox.stripe.listing import page
from sandbox.stripe.parameters import PAGE, Fields, Text
from sandbox.stripe.resources.payment_methods import EXPIRY_MONTH, EXPIRY_YEAR, billing_details, fingerprint
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

LIST = Fields({**PAGE, "customer": Text(), "payment_intent": Text()})


# What is the same for every charge. Fees and payouts are not modelled, so no balance transaction is named.
_BLANK: JsonObject = {
    "object": "charge",
    "amount_refunded": 0,
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "balance_transaction": None,
    "calculated_statement_descriptor": "SANDBOX",
    "disputed": False,
    "failure_balance_transaction": None,
    "fraud_details": {},
    "livemode": False,
    "on_behalf_of": None,
    "radar_options": {},
    "receipt_email": None,
    "receipt_number": None,
    "receipt_url": None,
    "refunded": False,
    "review": None,
    "shipping": None,
    "source": None,
    "source_transfer": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
    "transfer_group": None,
}


def build(
    work: Work,
    *,
    intent: JsonObject,
    method: JsonObject,
    card: Card,
    customer: str | None,
    email: str | None,
    decline: Decline | None = None,
    authenticated: bool = False,
) -> JsonObject:
    """A stored charge, announced as `charge.succeeded`, or `charge.failed` with the decline's reason."""
    paid = decline is None
    charge = {
        **deepcopy(_BLANK),
        "id": new_id("charge"),
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "billing_details": billing_details(email),
        "captured": paid,
        "created": work.now,
        "currency": intent["currency"],
        "customer": customer,
        "description": intent["description"],
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "metadata": dict(intent["metadata"]),
        "outcome": _outcome(decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _card_details(card, intent["amount"], authenticated), "type": "card"},
        "status": "succeeded" if paid else "failed",
    }
    work.store.insert("charge", charge)
    work.emit("charge.succeeded" if paid else "charge.failed", charge)
    return charge


def _outcome(decline: Decline | None) -> JsonObject:
    if decline is None:
        return {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        "advice_code": "try_again_later",
        "network_advice_code": None,
        "network_decline_code": "05",
        "network_status": "declined_by_network",
        "reason": decline.decline_code,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }


def _card_details(card: Card, amount: int, authenticated: bool) -> JsonObject:
    three_d_secure = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }
    return {
        "amount_authorized": amount,
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "exp_month": EXPIRY_MONTH,
        "exp_year": EXPIRY_YEAR,
        "fingerprint": fingerprint(card),
        "funding": "credit",
        "installments": None,
        "last4": card.last4,
        "mandate": None,
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "regulated_status": "unregulated",
        "three_d_secure": three_d_secure if authenticated else None,
        "wallet": None,
    }


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/charges/:id"""
    return work.require("charge", identifier)


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/charges"""
    return page(work, "charge", "/v1/charges", params, equal=("customer", "payment_intent"))
