"""Reads for lists and screens: what customers see, what staff see of Stripe's events, and what needs a person."""

from services.billing.queries.customer import get_invoice, list_invoices, list_subscriptions, subscriptions_of_order
from services.billing.queries.events import get_event, list_events
from services.billing.queries.overview import overview

__all__ = [
    "get_event",
    "get_invoice",
    "list_events",
    "list_invoices",
    "list_subscriptions",
    "overview",
    "subscriptions_of_order",
]
