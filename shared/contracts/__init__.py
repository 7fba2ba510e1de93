"""The published language: every fact that crosses a context, one module per publisher, and who listens."""

from shared.contracts import billing, catalog, identity, provisioning
from shared.contracts.base import EVENTS, Event, context_of
from shared.contracts.subscriptions import SUBSCRIPTIONS, topology

__all__ = [
    "EVENTS",
    "SUBSCRIPTIONS",
    "Event",
    "billing",
    "catalog",
    "context_of",
    "identity",
    "provisioning",
    "topology",
]
