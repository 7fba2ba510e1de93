"""Invoices (https://docs.stripe.com/api/invoices): what a subscription period or a one-time checkout billed.

In this API version an invoice names its subscription under `parent` and its payments under `payments` (on request).
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from sandbox.stripe.ids import new_id, token
from sandbox.stripe.listing import as_list, page, slice_page
from sandbox.stripe.parameters import EXPAND, PAGE, Choice, Fields, Integer, Text
from sandbox.stripe.resources import customers, invoice_payments
from sandbox.stripe.resources.invoice_lines import Line
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

STATUSES = ("draft", "open", "paid", "uncollectible", "void")
LIST = Fields({**PAGE, "customer": Text(), "status": Choice(STATUSES), "subscription": Text()})
LINES = Fields({**EXPAND, "limit": Integer(1, 100), "starting_after": Text(), "ending_before": Text()})


# What is the same for every new invoice.
_BLANK: JsonObject = {
    "object": "invoice",
    "account_country": "IE",
    "account_name": "EZ Solutions (sandbox)",
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_shipping": 0,
    "application": None,
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": True,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
    "automatically_finalizes_at": None,
    "collection_method": "charge_automatically",
    "custom_fields": None,
    "customer_account": None,
    "customer_shipping": None,
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "due_date": None,
    "effective_at": None,
    "ending_balance": None,
    "footer": None,
    "from_invoice": None,
    "hosted_invoice_url": None,
    "invoice_pdf": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "livemode": False,
    "next_payment_attempt": None,
    "number": None,
    "on_behalf_of": None,
    "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "status": "draft",
    "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
    "test_clock": None,
    "total_discount_amounts": [],
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
    "webhooks_delivered_at": None,
}


def build(
    work: Work,
    *,
    customer: JsonObject,
    lines: Sequence[Line],
    total: int,
    currency: str,
    reason: str,
    subscription: JsonObject | None,
    metadata: dict[str, str] | None = None,
    description: str | None = None,
) -> JsonObject:
    """A stored draft, announced as `invoice.created`. `total` differs from the lines only under an injected
    fault. `reason` is Stripe's billing_reason."""
    identifier = new_id("invoice")
    invoice = {
        **deepcopy(_BLANK),
        "id": identifier,
        "amount_due": total,
        "amount_remaining": total,
        "billing_reason": reason,
        "created": work.now,
        "currency": currency,
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_exempt": customer["tax_exempt"],
        "description": description,
        "lines": as_list(
            [line.build(identifier, subscription, currency) for line in lines], f"/v1/invoices/{identifier}/lines"
        ),
        "metadata": metadata or {},
        "parent": _parent(subscription),
        "period_end": work.now,
        "period_start": work.now,
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "test_clock": customer.get("test_clock"),
        "total": total,
        "total_excluding_tax": total,
    }
    work.store.insert("invoice", invoice)
    work.emit("invoice.created", invoice)
    return invoice


def _parent(subscription: JsonObject | None) -> JsonObject | None:
    if subscription is None:
        return None
    return {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
        },
        "type": "subscription_details",
    }


def finalize(work: Work, invoice: JsonObject, customer: JsonObject) -> JsonObject:
    """Gives it a number and pages a person can open: `invoice.finalized`."""
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = sequence + 1
    work.store.save("customer", customer)
    page_token = token(32)
    work.store.insert("invoice_page", {"id": page_token, "invoice": invoice["id"]})
    url = f"{work.settings.base_url}/i/{page_token}"
    invoice.update(
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        status="open",
        automatically_finalizes_at=None,
        effective_at=work.now,
        ending_balance=0,
        hosted_invoice_url=url,
        invoice_pdf=f"{url}/pdf",
        status_transitions={**invoice["status_transitions"], "finalized_at": work.now},
    )
    work.store.save("invoice", invoice)
    work.emit("invoice.finalized", invoice)
    return invoice


def settle(work: Work, invoice: JsonObject, intent: JsonObject | None) -> JsonObject:
    """Paid in full: `invoice_payment.paid`, `invoice.paid` and `invoice.payment_succeeded`. `intent` is None when
    there was nothing to pay."""
    if intent is not None:
        invoice_payments.build(work, invoice, intent)
    invoice.update(
        status="paid",
        amount_paid=invoice["total"],
        amount_remaining=0,
        attempted=True,
        attempt_count=invoice["attempt_count"] + 1,
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions={**invoice["status_transitions"], "paid_at": work.now},
    )
    work.store.save("invoice", invoice)
    work.emit("invoice.paid", invoice)
    work.emit("invoice.payment_succeeded", invoice)
    return invoice


def record_failure(work: Work, invoice: JsonObject, next_attempt: int | None) -> JsonObject:
    """The automatic payment was declined: `invoice.payment_failed`."""
    invoice.update(attempted=True, attempt_count=invoice["attempt_count"] + 1, next_payment_attempt=next_attempt)
    work.store.save("invoice", invoice)
    work.emit("invoice.payment_failed", invoice)
    return invoice


def customer_of(work: Work, invoice: JsonObject) -> JsonObject:
    """The customer an invoice bills."""
    return customers.retrieve(work, {}, invoice["customer"])


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/invoices/:id"""
    return work.require("invoice", identifier)


PAY = Fields({**EXPAND, "payment_method": Text()})


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/invoices"""
    conditions = []
    if "subscription" in params:
        path = "parent.subscription_details.subscription"
        conditions.append(Where(path, "eq", params["subscription"]))
    return page(work, "invoice", "/v1/invoices", params, equal=("customer", "status"), conditions=conditions)


def list_lines(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/invoices/:id/lines"""
    invoice = work.require("invoice", identifier)
    return slice_page(invoice["lines"]["data"], invoice["lines"]["url"], params)
