"""Payment methods (https://docs.stripe.com/api/payment_methods): the test card behind a payment."""

import hashlib
from typing import Any

from sandbox.stripe.cards import CARDS, Card
from sandbox.stripe.ids import new_id
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

_CHECKS = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
EXPIRY_MONTH, EXPIRY_YEAR = 12, 2034
# Stripe's test payment methods (https://docs.stripe.com/testing?testing-method=payment-methods).
TOKENS = {
    "pm_card_visa": CARDS["4242424242424242"],
    "pm_card_visa_chargeDeclined": CARDS["4000000000000002"],
    "pm_card_chargeCustomerFail": CARDS["4000000000000341"],
}


def billing_details(email: str | None) -> JsonObject:
    """What Checkout collects here: the e-mail address."""
    return {
        "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
        "email": email,
        "name": None,
        "phone": None,
        "tax_id": None,
    }


def fingerprint(card: Card) -> str:
    """The same for every use of the same number, as at Stripe."""
    return hashlib.sha256(card.number.encode()).hexdigest()[:16]


def build(work: Work, card: Card, customer: str | None, email: str | None) -> JsonObject:
    """A stored card; announced as `payment_method.attached` when it belongs to a customer."""
    method = {
        "id": new_id("payment_method"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": billing_details(email),
        "card": {
            "brand": card.brand,
            "checks": _CHECKS,
            "country": "US",
            "display_brand": card.brand,
            "exp_month": EXPIRY_MONTH,
            "exp_year": EXPIRY_YEAR,
            "fingerprint": fingerprint(card),
            "funding": "credit",
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": work.now,
        "customer": customer,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    work.store.insert("payment_method", method)
    # The number itself is not part of the object; renewals need to know which test card this is.
    work.store.insert("card_number", {"id": method["id"], "number": card.number})
    if customer is not None:
        work.emit("payment_method.attached", method)
    return method


def card_of(work: Work, identifier: str) -> Card:
    """The test card behind a payment method."""
    return CARDS[work.require("card_number", identifier)["number"]]


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/payment_methods/:id"""
    return work.require("payment_method", identifier)
