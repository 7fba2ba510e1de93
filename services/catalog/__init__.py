"""What is sold, who ordered it, and what they may have.

Owns: plans and their groups, prices, orders, the payments reported for them, entitlements; what product types ask for.
Publishes: plan.published, order.canceled, item.delivered, entitlement.granted and what is decided about it afterwards
(suspended, resumed, changed, ended, restored).
Consumes: identity.account.described; billing.price.synced, checkout.*, payment.*, subscription.*, refund.*, dispute.*;
provisioning.resource.*.
Promises: an order costs what the catalogue said when it was placed; a paid item is granted once per unit, whatever
arrives twice, late or out of order; money that does not fit its order delivers nothing and is shown to staff.
Never: takes a price from a client, speaks to Stripe, makes a service run, or grants before billing reports the money.
"""
