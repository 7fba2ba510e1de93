"""What this context does when others' facts arrive; each calls one use case."""

from services.catalog.adapters.tables import timers
from services.catalog.use_cases import follow_delivery, manage_plans, take_payments
from shared.contracts import billing, provisioning
from shared.database import UnitOfWork
from shared.messaging import Handlers


async def _clock_moved(work: UnitOfWork, event: billing.ClockMoved) -> None:
    await timers.move_clock(work, event.account_id, event.offset_seconds, event.moved_at)


def handlers() -> Handlers:
    """Every fact catalog listens to, and the use case it is handed to."""
    return {
        billing.PriceSynced: manage_plans.on_price_synced,
        billing.CheckoutPaid: take_payments.on_checkout_paid,
        billing.CheckoutExpired: take_payments.on_checkout_expired,
        billing.PaymentFailed: take_payments.on_payment_failed,
        billing.PaymentMismatched: take_payments.on_payment_mismatched,
        billing.ClockMoved: _clock_moved,
        provisioning.ResourceActivated: follow_delivery.on_resource_activated,
        provisioning.ResourceFailed: follow_delivery.on_resource_failed,
    }
