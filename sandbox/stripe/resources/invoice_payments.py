"""Invoice payments (https://docs.stripe.com/api/invoice-payment): which payment intent paid which invoice."""

from typing import Any

from sandbox.stripe.ids import new_id
from sandbox.stripe.listing import as_list, page
from sandbox.stripe.parameters import PAGE, Choice, Fields, Text
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

LIST = Fields(
    {
        **PAGE,
        "invoice": Text(),
        "payment": Fields({"payment_intent": Text(), "type": Choice(("payment_intent",))}, required=("type",)),
        "status": Choice(("canceled", "open", "paid")),
    }
)


def build(work: Work, invoice: JsonObject, intent: JsonObject) -> JsonObject:
    """A stored paid payment, announced as `invoice_payment.paid`."""
    payment = {
        "id": new_id("invoice_payment"),
        "object": "invoice_payment",
        "amount_paid": intent["amount_received"],
        "amount_requested": invoice["total"],
        "created": work.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": work.now},
    }
    work.store.insert("invoice_payment", payment)
    work.emit("invoice_payment.paid", payment)
    return payment


def of_invoice(work: Work, invoice: JsonObject) -> JsonObject:
    """The `payments` list an invoice shows when asked to expand it."""
    found = work.store.find("invoice_payment", [Where("invoice", "eq", invoice["id"])])
    return as_list(found, f"/v1/invoice_payments?invoice={invoice['id']}")


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/invoice_payments/:id"""
    return work.require("invoice_payment", identifier)


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/invoice_payments"""
    conditions = []
    if "payment_intent" in params.get("payment", {}):
        conditions.append(Where("payment.payment_intent", "eq", params["payment"]["payment_intent"]))
    return page(
        work,
        "invoice_payment",
        "/v1/invoice_payments",
        params,
        equal=("invoice", "status"),
        conditions=conditions,
    )
