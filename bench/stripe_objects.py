"""Stripe's objects as its webhooks carry them, in API release endive: every field a subscription shop sees.

The values are invented; the fields and their types are Stripe's
(https://docs.stripe.com/api), so that an event weighs 4 to 5 KB indented, as real ones do.
"""

from typing import Any

_AMOUNTS = (499, 900, 1500, 2700, 4900)
MONTH = 30 * 24 * 3600
NOT_AUTOMATIC: dict[str, Any] = {"enabled": False, "liability": None}


def amount_for(number: int) -> int:
    """What the plan behind the number-th object costs, in minor units."""
    return _AMOUNTS[number % len(_AMOUNTS)]


def _price(name: str, amount: int, at: int) -> dict[str, Any]:
    recurring = {"interval": "month", "interval_count": 1, "meter": None, "trial_period_days": None}
    return {
        "id": f"price_{name}",
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": at - MONTH,
        "currency": "eur",
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {"plan": "vps-s", "version": "1"},
        "nickname": None,
        "product": f"prod_{name[:14]}",
        "recurring": {**recurring, "usage_type": "licensed"},
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def active_subscription(name: str, *, customer: str, amount: int, at: int) -> dict[str, Any]:
    """A subscription that has just been renewed: `sub_NAME`."""
    item: dict[str, Any] = {
        "id": f"si_{name[:14]}",
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": at - MONTH,
        "current_period_end": at + MONTH,
        "current_period_start": at,
        "discounts": [],
        "metadata": {},
        "price": _price(name, amount, at),
        "quantity": 1,
        "subscription": f"sub_{name}",
        "tax_rates": [],
    }
    methods = ("acss_debit", "bancontact", "customer_balance", "konbini", "payto", "sepa_debit", "us_bank_account")
    options = {**dict.fromkeys(methods), "card": {"network": None, "request_three_d_secure": "automatic"}}
    return {
        "id": f"sub_{name}",
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {**NOT_AUTOMATIC, "disabled_reason": None},
        "billing_cycle_anchor": at - MONTH,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": at - MONTH,
        "currency": "eur",
        "customer": customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": f"pm_{name}",
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": [item],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/subscription_items?subscription=sub_{name}",
        },
        "latest_invoice": f"in_{name}",
        "livemode": False,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": options,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": at - MONTH,
        "status": "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }


def complete_session(name: str, *, customer: str, amount: int, at: int) -> dict[str, Any]:
    """A Checkout Session somebody has just paid: `cs_test_NAME…`."""
    branding = {"background_color": "#ffffff", "border_style": "rounded", "button_color": "#0b5fff"}
    shop = "https://ez.example/orders"
    return {
        "id": f"cs_test_{name * 2}",
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": amount,
        "amount_total": amount,
        "automatic_tax": {**NOT_AUTOMATIC, "provider": None, "status": None},
        "billing_address_collection": None,
        "branding_settings": {**branding, "display_name": "EZ Solutions", "font_family": "default", "icon": None},
        "cancel_url": f"{shop}/{name}",
        "client_reference_id": None,
        "client_secret": None,
        "collected_information": {"business_name": None, "individual_name": None, "shipping_details": None},
        "consent": None,
        "consent_collection": None,
        "created": at,
        "currency": "eur",
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": customer,
        "customer_creation": None,
        "customer_details": {
            "address": dict.fromkeys(("city", "line1", "line2", "postal_code", "state")) | {"country": "BE"},
            "business_name": None,
            "email": f"{name[:12].lower()}@customers.example",
            "individual_name": None,
            "name": "Mieke Peeters",
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        "customer_email": None,
        "discounts": [],
        "expires_at": at + 24 * 3600,
        "invoice": f"in_{name}",
        "invoice_creation": None,
        "livemode": False,
        "locale": None,
        "metadata": {},
        "mode": "subscription",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always",
        "payment_method_configuration_details": {"id": f"pmc_{name}", "parent": None},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card", "link", "bancontact"],
        "payment_status": "paid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": {
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": None,
        },
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "complete",
        "submit_type": None,
        "subscription": f"sub_{name}",
        "success_url": f"{shop}/{name}?paid={{CHECKOUT_SESSION_ID}}",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted",
        "url": None,
        "wallet_options": None,
    }
