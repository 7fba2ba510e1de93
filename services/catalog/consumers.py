"""What this context does when others' facts arrive; each calls one use case."""

from services.catalog.adapters.tables import timers
from services.catalog.use_cases import (
    follow_delivery,
    follow_money_back,
    follow_subscriptions,
    manage_plans,
    remember_customers,
    take_payments,
)
from shared.contracts import billing, identity, provisioning
from shared.database import UnitOfWork
from shared.messaging import Handlers


async def _clock_moved(work: UnitOfWork, event: billing.ClockMoved) -> None:
    await timers.move_clock(work, event.account_id, event.offset_seconds, event.moved_at)


def handlers() -> Handlers:
    """Every fact catalog listens to, and the use case it is handed to."""
    return {
        identity.AccountDescribed: remember_customers.on_account_described,
        billing.PriceSynced: manage_plans.on_price_synced,
        billing.CheckoutPaid: take_payments.on_checkout_paid,
        billing.CheckoutExpired: take_payments.on_checkout_expired,
        billing.PaymentFailed: take_payments.on_payment_failed,
        billing.PaymentMismatched: take_payments.on_payment_mismatched,
        billing.ClockMoved: _clock_moved,
        billing.SubscriptionStarted: follow_subscriptions.on_subscription_started,
        billing.SubscriptionRenewed: follow_subscriptions.on_subscription_renewed,
        billing.SubscriptionRescheduled: follow_subscriptions.on_subscription_rescheduled,
        billing.SubscriptionPastDue: follow_subscriptions.on_subscription_past_due,
        billing.SubscriptionRecovered: follow_subscriptions.on_subscription_recovered,
        billing.SubscriptionEnded: follow_subscriptions.on_subscription_ended,
        billing.RefundSucceeded: follow_money_back.on_refund_succeeded,
        billing.DisputeOpened: follow_money_back.on_dispute_opened,
        billing.DisputeClosed: follow_money_back.on_dispute_closed,
        provisioning.ResourceActivated: follow_delivery.on_resource_activated,
        provisioning.ResourceFailed: follow_delivery.on_resource_failed,
        provisioning.ResourceSuspended: follow_delivery.on_resource_suspended,
        provisioning.ResourceResumed: follow_delivery.on_resource_resumed,
        provisioning.ResourceChanged: follow_delivery.on_resource_changed,
        provisioning.ResourceTerminated: follow_delivery.on_resource_terminated,
    }
