"""A stateful stand-in for Stripe, spoken to over real HTTP.

Owns: customers, products, prices, Checkout Sessions, subscriptions, invoices, payments, refunds and events, as
API version 2026-10-28.endive describes them; hosted Checkout and invoice pages; signed and retried webhooks.
Promises: every response key exists on the official SDK's resource; every accepted parameter exists in the SDK's
parameters; an idempotency key replays its first answer; committed state survives kill -9.
Never does: accept a parameter it does not act on. What Stripe knows and this sandbox does not is refused as
`parameter_unknown`, so that a missing feature is loud.
"""

from sandbox.stripe.app import create_app
from sandbox.stripe.settings import StripeSandboxSettings

__all__ = ["StripeSandboxSettings", "create_app"]
