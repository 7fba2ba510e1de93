"""What this context can do.

Buying       pricing (orders and quotes) · place_order · cancel_order · open_checkout (request, record) · expire_orders
Money        take_payments (paid, failed, mismatched, expired; staff: accept) · follow_subscriptions · follow_money_back
Delivery     follow_delivery (activated, failed, suspended, resumed, changed, terminated)
Rights       decide_entitlements (suspend, resume, end, restore, change) · entitlement_facts
Plans        manage_plans (publish, reprice, retire; prices synced by billing) · seeding
People       remember_customers
"""
