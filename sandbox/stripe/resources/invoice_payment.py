"""POST /v1/invoices/:id/pay: a payer, or somebody for them, pays what is open."""

from typing import Any

from sandbox.stripe import billing
from sandbox.stripe.errors import StripeError
from sandbox.stripe.resources import customers
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work


def pay(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """Charges the subscription's card, or the one given. A declined card is a 402, and what it made stays."""
    invoice = work.require("invoice", identifier)
    if invoice["status"] != "open":
        raise StripeError(f"Invoice is {invoice['status']}: only an open one can be paid.")
    work = work.of_customer(invoice["customer"])
    subscription = billing.subscription_of(work, invoice)
    if subscription is None:
        raise StripeError("This sandbox pays invoices of subscriptions only.")
    method_id = None
    if "payment_method" in params:
        customer = work.require("customer", invoice["customer"])
        method_id = customers.usable_method(work, customer, params["payment_method"])["id"]
    if not billing.collect(work, subscription, invoice, method_id=method_id):
        raise StripeError("Your card was declined.", status=402, kind="card_error", code="card_declined")
    return invoice
