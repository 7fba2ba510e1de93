"""Money.

Owns: Stripe customers, products and prices, checkouts, payment groups and their subscriptions, invoices, payments,
refunds, disputes, credit notes, the ledger, Stripe's events.
Publishes: price.synced, checkout.paid, checkout.expired, payment.failed, payment.mismatched, invoice.paid,
subscription.started, subscription.renewed, subscription.rescheduled, subscription.past_due, subscription.recovered,
subscription.ended, refund.succeeded, dispute.opened, dispute.closed.
Consumes: identity.user.registered, catalog.plan.published, catalog.order.canceled, catalog.item.delivered,
catalog.entitlement.ended, catalog.entitlement.restored.
Promises: an acknowledged Stripe event is stored and takes effect once, in any order; a checkout is paid only by
money whose amount, currency and customer are those of the order; what renews apart fails and ends apart; nothing
charges on for what has ended; what moved is in the ledger once.
Never: decides what a customer may have, changes a price, or trusts what a browser or an event's metadata claims.
"""
