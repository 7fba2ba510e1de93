"""Stripe: `sdk` is the door to its library, `provider` makes the calls, `readings` understands its JSON."""

from services.billing.adapters.stripe.provider import StripePayments
from services.billing.adapters.stripe.sdk import API_VERSION, SignatureVerifier, make_client

__all__ = ["API_VERSION", "SignatureVerifier", "StripePayments", "make_client"]
