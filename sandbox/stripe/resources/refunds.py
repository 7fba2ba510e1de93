"""Refunds, full and partial (https://docs.stripe.com/api/refunds)."""

from copy import deepcopy
from typing import Any

from sandbox.stripe.errors import StripeError, missing_param
from sandbox.stripe.ids import new_id
from sandbox.stripe.listing import page
from sandbox.stripe.money import readable
from sandbox.stripe.parameters import EXPAND, PAGE, Choice, Fields, Integer, Metadata, Text, merge_metadata
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

CREATE = Fields(
    {
        **EXPAND,
        "amount": Integer(1),
        "charge": Text(),
        "metadata": Metadata(),
        "payment_intent": Text(),
        "reason": Choice(("duplicate", "fraudulent", "requested_by_customer")),
    }
)
UPDATE = Fields({**EXPAND, "metadata": Metadata()})
LIST = Fields({**PAGE, "charge": Text(), "payment_intent": Text()})


# What is the same for every refund.
_BLANK: JsonObject = {
    "object": "refund",
    "balance_transaction": None,
    "destination_details": {
        "card": {
            "reference": None,
            "reference_status": "pending",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        },
        "type": "card",
    },
    "receipt_number": None,
    "source_transfer_reversal": None,
    "status": "succeeded",
    "transfer_reversal": None,
}


def create(work: Work, params: dict[str, Any]) -> JsonObject:
    """POST /v1/refunds: at once successful, never more than what is left of the charge."""
    charge = _charge(work, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left <= 0:
        raise StripeError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = params.get("amount", left)
    if amount > left:
        raise StripeError(
            f"Refund amount ({readable(amount, charge['currency'])}) is greater than unrefunded amount on charge "
            f"({readable(left, charge['currency'])})",
            param="amount",
        )
    refund = {
        **deepcopy(_BLANK),
        "id": new_id("refund"),
        "amount": amount,
        "charge": charge["id"],
        "created": work.now,
        "currency": charge["currency"],
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "reason": params.get("reason"),
    }
    work.store.insert("refund", refund)
    previous = {name: charge[name] for name in ("amount_refunded", "refunded")}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    work.store.save("charge", charge)
    work.emit("refund.created", refund)
    work.emit("charge.refunded", charge, previous)
    return refund


def _charge(work: Work, params: dict[str, Any]) -> JsonObject:
    if "charge" in params and "payment_intent" in params:
        raise StripeError("You may only specify one of these parameters: charge, payment_intent.", param="charge")
    if "charge" in params:
        charge = work.require("charge", params["charge"], "charge")
    elif "payment_intent" in params:
        intent = work.require("payment_intent", params["payment_intent"], "payment_intent")
        if intent["status"] != "succeeded":
            raise StripeError(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        charge = work.require("charge", intent["latest_charge"], "charge")
    else:
        raise missing_param("charge")
    if not charge["paid"]:
        raise StripeError(f"Charge {charge['id']} was not paid and cannot be refunded.", param="charge")
    return charge


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/refunds/:id"""
    return work.require("refund", identifier)


def update(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """POST /v1/refunds/:id"""
    refund = work.require("refund", identifier)
    if "metadata" in params:
        previous = refund["metadata"]
        refund["metadata"] = merge_metadata(previous, params["metadata"])
        work.store.save("refund", refund)
        work.emit("refund.updated", refund, {"metadata": previous})
    return refund


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/refunds"""
    return page(work, "refund", "/v1/refunds", params, equal=("charge", "payment_intent"))
