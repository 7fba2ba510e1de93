"""What this context does when others' facts arrive; each calls one use case."""

from services.catalog.use_cases import follow_delivery, manage_plans, take_payments
from shared.contracts import billing, provisioning
from shared.messaging import Handlers


def handlers() -> Handlers:
    """Every fact catalog listens to, and the use case it is handed to."""
    return {
        billing.PriceSynced: manage_plans.on_price_synced,
        billing.CheckoutPaid: take_payments.on_checkout_paid,
        billing.CheckoutExpired: take_payments.on_checkout_expired,
        billing.PaymentFailed: take_payments.on_payment_failed,
        billing.PaymentMismatched: take_payments.on_payment_mismatched,
        provisioning.ResourceActivated: follow_delivery.on_resource_activated,
        provisioning.ResourceFailed: follow_delivery.on_resource_failed,
    }
