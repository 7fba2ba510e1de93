"""The table of contents of what this context can do.

remember_payer   an account signed up: know who pays, and make it a customer at Stripe
sync_plan        a plan was published: make its product and prices known to Stripe
open_checkout    catalog asks for a payment page: open one, once per order
close_order      an order was canceled: nobody may pay for it any more
stripe_tasks     carry out what was wanted of Stripe: customers, plans, closing of pages
apply_event      stored events of Stripe take effect, through
  settle_checkout      money for an order: paid, mismatched, expired
  mirror_invoice       invoices as they stand
  mirror_subscription  subscriptions as they stand
  record_payment       attempts to pay: refusals, and how much was refunded
  record_refund        refunds as they stand
  record_dispute       disputes as they stand
  record_credit_note   credit notes as they stand
  post_entries         what all this moved, in the ledger; refunds and disputes are told to others
book_before      an installation older than its ledger: entries for what its mirrors hold
replay_event     staff ask for an event to be processed again
reconcile        compare with Stripe what was delivered and what is still open
"""
