"""What is sold.

Owns: products, plans, prices, orders, entitlements.
Publishes: plan.published, order.canceled, entitlement.granted.
Consumes: billing.price.synced, billing.checkout.*, billing.payment.*, provisioning.resource.*.
"""
