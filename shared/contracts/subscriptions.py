"""Who listens to what: the whole map of the bus on one page.

Every worker declares all of these queues and bindings when it connects, so a fact published before a consumer
was ever started still waits for it. A service's `consumers.py` handles exactly what stands here (a test compares).
"""

from shared.contracts import billing, catalog, identity, provisioning
from shared.contracts.base import Event

SUBSCRIPTIONS: dict[str, tuple[type[Event], ...]] = {
    "billing": (
        identity.UserRegistered,
        catalog.PlanPublished,
        catalog.OrderCanceled,
        catalog.ItemDelivered,
        catalog.EntitlementEnded,
        catalog.EntitlementRestored,
    ),
    "catalog": (
        identity.AccountDescribed,
        billing.PriceSynced,
        billing.CheckoutPaid,
        billing.CheckoutExpired,
        billing.PaymentFailed,
        billing.PaymentMismatched,
        billing.ClockMoved,
        billing.SubscriptionStarted,
        billing.SubscriptionRenewed,
        billing.SubscriptionRescheduled,
        billing.SubscriptionPastDue,
        billing.SubscriptionRecovered,
        billing.SubscriptionEnded,
        billing.RefundSucceeded,
        billing.DisputeOpened,
        billing.DisputeClosed,
        provisioning.ResourceActivated,
        provisioning.ResourceFailed,
        provisioning.ResourceSuspended,
        provisioning.ResourceResumed,
        provisioning.ResourceChanged,
        provisioning.ResourceTerminated,
    ),
    "provisioning": (
        catalog.EntitlementGranted,
        catalog.EntitlementSuspended,
        catalog.EntitlementResumed,
        catalog.EntitlementChanged,
        catalog.EntitlementEnded,
        catalog.EntitlementRestored,
        identity.AccountDescribed,
        billing.ClockMoved,
    ),
    "support": (
        identity.UserRegistered,
        identity.AccountDescribed,
        identity.VerificationRequested,
        billing.InvoicePaid,
        billing.SubscriptionPastDue,
        provisioning.ResourceActivated,
        provisioning.ResourceFailed,
        provisioning.ResourceSuspended,
        provisioning.ResourceResumed,
        provisioning.ResourceTerminated,
    ),
}


def topology() -> dict[str, tuple[str, ...]]:
    """Consumer → the wire types bound to its queue."""
    return {consumer: tuple(event.wire_type for event in events) for consumer, events in SUBSCRIPTIONS.items()}
