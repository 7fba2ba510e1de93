"""Checkout Sessions (https://docs.stripe.com/api/checkout/sessions), hosted page, modes payment and subscription."""

from copy import deepcopy
from typing import Any

from sandbox.stripe.errors import StripeError, missing_param
from sandbox.stripe.ids import new_id
from sandbox.stripe.listing import page, slice_page
from sandbox.stripe.money import refusal
from sandbox.stripe.parameters import merge_metadata
from sandbox.stripe.resources import customers, payment_intents
from sandbox.stripe.resources.checkout_lines import line_items
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

# https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at
_SHORTEST, _LONGEST = 30 * 60, 24 * 3600


def create(work: Work, params: dict[str, Any]) -> JsonObject:
    """POST /v1/checkout/sessions"""
    mode = params.get("mode")
    if mode is None:
        raise missing_param("mode")
    _check_combination(params, mode)
    if "customer" in params:
        customers.require(work, params["customer"], "customer")
    identifier = new_id("checkout.session")
    lines = line_items(work, params["line_items"], mode)
    currency = lines[0]["currency"]
    if params.get("currency", currency) != currency:
        raise StripeError("The currency must be that of the line items.", param="currency")
    if "customer" in params and (mode == "subscription" or params.get("invoice_creation", {}).get("enabled")):
        customers.lock_currency(work, work.require("customer", params["customer"]), currency)
    total = sum(line["amount_total"] for line in lines)
    _check_total(total, currency)
    session = _session(work, identifier, params, mode, currency, total)
    work.store.insert("checkout.session", session)
    # What Stripe keeps to itself: lines in full, data for the objects to come, the payment attempt so far.
    private = {
        "id": identifier,
        "lines": lines,
        "subscription_data": params.get("subscription_data", {}),
        "payment_intent_data": params.get("payment_intent_data", {}),
        "invoice_metadata": params.get("invoice_creation", {}).get("invoice_data", {}).get("metadata"),
        "payment_intent": None,
        "email": params.get("customer_email"),
        "problem": None,
        "challenge": None,
    }
    work.store.insert("checkout_state", private)
    return session


def _check_combination(params: dict[str, Any], mode: str) -> None:
    for name in ("success_url", "line_items"):
        if not params.get(name):
            raise missing_param(name)
    if "customer" in params and "customer_email" in params:
        raise StripeError(
            "You may only specify one of these parameters: customer, customer_email.", param="customer_email"
        )
    wrong_mode = {
        "subscription": ("payment_intent_data", "customer_creation", "submit_type", "invoice_creation"),
        "payment": ("subscription_data", "payment_method_collection"),
    }
    for name in wrong_mode[mode]:
        if name in params:
            raise StripeError(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    if params.get("automatic_tax", {}).get("enabled"):
        raise StripeError("This sandbox does not compute tax.", param="automatic_tax[enabled]")


def _check_total(total: int, currency: str) -> None:
    refused = refusal(total, currency) if total else None
    if refused is not None:
        code, words = refused
        raise StripeError(f"The Checkout Session's {words}", code=code)


def _expires_at(work: Work, params: dict[str, Any]) -> int:
    wanted = params.get("expires_at")
    if wanted is None:
        return work.now + _LONGEST
    if wanted < work.now + _SHORTEST:
        raise StripeError(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            param="expires_at",
        )
    if wanted > work.now + _LONGEST:
        raise StripeError(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return int(wanted)


# What is the same for every session.
_BLANK: JsonObject = {
    "object": "checkout.session",
    "adaptive_pricing": None,
    "after_expiration": None,
    "allow_promotion_codes": None,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "client_secret": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
    "customer_account": None,
    "discounts": [],
    "invoice": None,
    "livemode": False,
    "origin_context": None,
    "payment_intent": None,
    "payment_link": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "payment_method_types": ["card"],
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "status": "open",
    "subscription": None,
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "ui_mode": "hosted_page",
    "wallet_options": None,
}


def _session(work: Work, identifier: str, params: dict[str, Any], mode: str, currency: str, total: int) -> JsonObject:
    customer = work.store.get("customer", params["customer"]) if "customer" in params else None
    email = customer["email"] if customer else params.get("customer_email")
    details = None
    if customer is not None or email is not None:
        details = customer_details(email, customer)
    return {
        **deepcopy(_BLANK),
        "id": identifier,
        "amount_subtotal": total,
        "amount_total": total,
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": work.now,
        "currency": currency,
        "customer": params.get("customer"),
        "customer_creation": _customer_creation(params, mode),
        "customer_details": details,
        "customer_email": params.get("customer_email"),
        "expires_at": _expires_at(work, params),
        "integration_identifier": params.get("integration_identifier"),
        "invoice_creation": _invoice_creation(params, mode),
        "locale": params.get("locale"),
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "mode": mode,
        "payment_method_collection": params.get(
            "payment_method_collection", "always" if mode == "subscription" else "if_required"
        ),
        "payment_status": "unpaid" if total else "no_payment_required",
        "submit_type": params.get("submit_type"),
        "success_url": params["success_url"],
        "url": f"{work.settings.base_url}/c/pay/{identifier}",
    }


def _customer_creation(params: dict[str, Any], mode: str) -> str | None:
    if "customer" in params:
        return None
    if mode == "subscription":
        return "always"
    return str(params.get("customer_creation", "if_required"))


def _invoice_creation(params: dict[str, Any], mode: str) -> JsonObject | None:
    if mode != "payment":
        return None
    wanted = params.get("invoice_creation", {})
    data = wanted.get("invoice_data", {})
    return {
        "enabled": wanted.get("enabled", False),
        "invoice_data": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": data.get("description"),
            "footer": None,
            "issuer": None,
            "metadata": merge_metadata({}, data.get("metadata", {})),
            "rendering_options": None,
        },
    }


def customer_details(email: str | None, customer: JsonObject | None) -> JsonObject:
    """What Checkout shows of the payer."""
    return {
        "address": customer["address"] if customer else None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": customer["name"] if customer else None,
        "phone": customer["phone"] if customer else None,
        "tax_exempt": customer["tax_exempt"] if customer else "none",
        "tax_ids": [],
    }


def retrieve(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/checkout/sessions/:id"""
    return refreshed(work, work.require("checkout.session", identifier))


def update(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """POST /v1/checkout/sessions/:id"""
    session = refreshed(work, work.require("checkout.session", identifier))
    if "metadata" in params:
        session["metadata"] = merge_metadata(session["metadata"], params["metadata"])
        work.store.save("checkout.session", session)
    return session


def refreshed(work: Work, session: JsonObject) -> JsonObject:
    """The session as of now: one whose time is over expires when it is looked at."""
    if session["status"] == "open" and session["expires_at"] <= work.now:
        return close(work, session)
    return session


def expire(work: Work, _params: dict[str, Any], identifier: str) -> JsonObject:
    """POST /v1/checkout/sessions/:id/expire: only an open session can expire."""
    session = refreshed(work, work.require("checkout.session", identifier))
    if session["status"] != "open":
        raise StripeError(
            "Only Checkout Sessions with a status in [`open`] can be expired. This Checkout Session has a status "
            f"of `{session['status']}`."
        )
    return close(work, session)


def close(work: Work, session: JsonObject) -> JsonObject:
    """Nobody can pay it any more: `checkout.session.expired`."""
    session.update(status="expired", url=None)
    work.store.save("checkout.session", session)
    private = work.require("checkout_state", session["id"])
    if private["payment_intent"] is not None:
        payment_intents.cancel(work, work.require("payment_intent", private["payment_intent"]))
    work.emit("checkout.session.expired", session)
    return session


def close_overdue(work: Work) -> None:
    """Expires every open session whose time is over."""
    conditions = [Where("status", "eq", "open"), Where("expires_at", "lte", work.now)]
    for session in work.store.find("checkout.session", conditions):
        close(work, session)


def list_page(work: Work, params: dict[str, Any]) -> JsonObject:
    """GET /v1/checkout/sessions"""
    conditions = []
    if "customer_details" in params:
        conditions.append(Where("customer_details.email", "eq", params["customer_details"]["email"]))
    return page(
        work,
        "checkout.session",
        "/v1/checkout/sessions",
        params,
        equal=("customer", "payment_intent", "status", "subscription"),
        conditions=conditions,
    )


def list_line_items(work: Work, params: dict[str, Any], identifier: str) -> JsonObject:
    """GET /v1/checkout/sessions/:id/line_items"""
    session = work.require("checkout.session", identifier)
    lines = work.require("checkout_state", identifier)["lines"]
    return slice_page(lines, f"/v1/checkout/sessions/{session['id']}/line_items", params)


def success_url(session: JsonObject) -> str:
    """Where a payer goes afterwards, with {CHECKOUT_SESSION_ID} filled in."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
