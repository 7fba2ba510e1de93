"""Stripe's events and signatures for tests: the few fields our readings look at, as Stripe names them."""

import hashlib
import hmac
import itertools
import secrets
import time
from typing import Any

import orjson

API_VERSION = "2026-10-28.endive"
SECRET = "whsec_tests_first"
_numbers = itertools.count(1)


def stripe_id(prefix: str) -> str:
    """A fresh id in Stripe's style."""
    return f"{prefix}_{secrets.token_hex(8)}{next(_numbers)}"


def event(kind: str, item: dict[str, Any], *, created: int | None = None, **changes: Any) -> dict[str, Any]:
    """An event about `item`."""
    made: dict[str, Any] = {
        "id": stripe_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(time.time()) if created is None else created,
        "data": {"object": item},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    return {**made, **changes}


def encoded(item: dict[str, Any]) -> bytes:
    """The JSON as Stripe sends it, indented."""
    return orjson.dumps(item, option=orjson.OPT_INDENT_2)


def signature(body: bytes, *, secret: str = SECRET, at: float | None = None, scheme: str = "v1") -> str:
    """One signature of the header."""
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
    return f"{scheme}={digest}"


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """The headers of a delivery."""
    moment = int(time.time() if at is None else at)
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={moment},{signature(body, secret=secret, at=moment)}",
    }


def session(**changes: Any) -> dict[str, Any]:
    """A completed and paid Checkout Session over 27.00 EUR."""
    made: dict[str, Any] = {
        "id": stripe_id("cs_test"),
        "object": "checkout.session",
        "amount_total": 2700,
        "client_reference_id": None,
        "currency": "eur",
        "customer": stripe_id("cus"),
        "livemode": False,
        "metadata": {},
        "mode": "subscription",
        "payment_status": "paid",
        "status": "complete",
        "subscription": stripe_id("sub"),
        "url": None,
    }
    return {**made, **changes}


def invoice(**changes: Any) -> dict[str, Any]:
    """A draft invoice over 27.00 EUR."""
    made: dict[str, Any] = {
        "id": stripe_id("in"),
        "object": "invoice",
        "amount_paid": 0,
        "attempt_count": 0,
        "billing_reason": "subscription_create",
        "created": int(time.time()),
        "currency": "eur",
        "customer": stripe_id("cus"),
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "metadata": {},
        "number": None,
        "parent": None,
        "status": "draft",
        "status_transitions": {"paid_at": None},
        "total": 2700,
    }
    return {**made, **changes}


def subscription(**changes: Any) -> dict[str, Any]:
    """An active subscription."""
    now = int(time.time())
    made: dict[str, Any] = {
        "id": stripe_id("sub"),
        "object": "subscription",
        "cancel_at_period_end": False,
        "customer": stripe_id("cus"),
        "items": {"object": "list", "data": [{"id": "si_1", "current_period_end": now + 2_592_000}]},
        "metadata": {},
        "status": "active",
    }
    return {**made, **changes}


def charge(**changes: Any) -> dict[str, Any]:
    """A successful charge over 27.00 EUR."""
    made: dict[str, Any] = {
        "id": stripe_id("ch"),
        "object": "charge",
        "amount": 2700,
        "amount_refunded": 0,
        "currency": "eur",
        "customer": stripe_id("cus"),
        "failure_code": None,
        "metadata": {},
        "outcome": {"reason": None},
        "payment_intent": stripe_id("pi"),
        "status": "succeeded",
    }
    return {**made, **changes}


def failed_intent(**changes: Any) -> dict[str, Any]:
    """A payment intent whose card was declined."""
    made: dict[str, Any] = {
        "id": stripe_id("pi"),
        "object": "payment_intent",
        "amount": 2700,
        "currency": "eur",
        "customer": stripe_id("cus"),
        "last_payment_error": {"code": "card_declined", "decline_code": "generic_decline", "charge": stripe_id("ch")},
        "metadata": {},
        "payment_details": {"order_reference": None},
        "status": "requires_payment_method",
    }
    return {**made, **changes}


def dispute(**changes: Any) -> dict[str, Any]:
    """A dispute that needs a response."""
    made: dict[str, Any] = {
        "id": stripe_id("dp"),
        "object": "dispute",
        "amount": 2700,
        "charge": stripe_id("ch"),
        "currency": "eur",
        "payment_intent": stripe_id("pi"),
        "reason": "fraudulent",
        "status": "needs_response",
    }
    return {**made, **changes}


def refund(**changes: Any) -> dict[str, Any]:
    """A refund of 7.00 EUR that succeeded."""
    made: dict[str, Any] = {
        "id": stripe_id("re"),
        "object": "refund",
        "amount": 700,
        "charge": stripe_id("ch"),
        "created": 1_780_000_000,
        "currency": "eur",
        "reason": None,
        "status": "succeeded",
    }
    return {**made, **changes}


def credit_note(**changes: Any) -> dict[str, Any]:
    """A credit note over 10.00 EUR of a paid invoice, onto the customer's balance."""
    made: dict[str, Any] = {
        "id": stripe_id("cn"),
        "object": "credit_note",
        "amount": 1000,
        "created": int(time.time()),
        "currency": "eur",
        "customer": stripe_id("cus"),
        "invoice": stripe_id("in"),
        "number": "A-1-CN-01",
        "out_of_band_amount": None,
        "post_payment_amount": 1000,
        "pre_payment_amount": 0,
        "reason": None,
        "refunds": [],
        "status": "issued",
        "voided_at": None,
    }
    return {**made, **changes}
