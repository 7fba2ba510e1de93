"""Stripe: `sdk` imports its library, `provider` makes the calls, `readings` and
`balance_readings` understand its JSON.

`signature` tells its deliveries from everybody else's.
"""

from services.billing.adapters.stripe.provider import StripePayments
from services.billing.adapters.stripe.sdk import API_VERSION, make_client
from services.billing.adapters.stripe.signature import SignatureVerifier

__all__ = ["API_VERSION", "SignatureVerifier", "StripePayments", "make_client"]
