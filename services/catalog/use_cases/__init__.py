"""What this context can do.

Buying       place_order · cancel_order · open_checkout (request, record) · expire_orders
Money        take_payments (paid, failed, mismatched, expired; staff: accept)
Delivery     follow_delivery (activated, failed)
The shelf    manage_plans (publish, reprice, retire; prices synced by billing) · seeding
"""
