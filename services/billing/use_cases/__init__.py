"""The table of contents of what this context can do.

remember_payer    an account signed up: know who pays, and make it a customer at Stripe
replace_customer  a customer was deleted at Stripe: the account gets another one
sync_plan         a plan was published: make its product and prices known to Stripe
open_checkout     catalog asks for a payment page: open one, once per order, through
  prepare_checkout      its terms, the intent before the call, the answer after
close_order       an order was canceled: nobody may pay for it any more
follow_items      items were delivered, ended or restored: their subscription starts, moves, follows
schedule          note that something is wanted of Stripe, once
stripe_tasks      carry out what was wanted of Stripe: customers, plans, closing of pages, and
  subscription_tasks    subscriptions started, moved, resized, ended and looked at
apply_event       stored events of Stripe take effect, through
  fetch_object          the object of an event of another API version, read again in ours
  loading               what a batch of events is about, in a few queries
  settle_checkout       money for an order: paid, mismatched, expired
  mirror_invoice        invoices as they stand; a later period of a group is told
  mirror_subscription   subscriptions as they stand
  payment_groups        groups as they are found and locked, and what is told of them
  record_payment        attempts to pay: refusals, and how much was refunded
  record_refund         refunds as they stand
  record_dispute        disputes as they stand
  record_credit_note    credit notes as they stand
  post_entries          what all this moved, in the ledger; refunds and disputes are told to others
announce_groups   groups whose subscription nobody was told of yet
book_before       an installation older than its ledger: entries for what its mirrors hold
replay_event      staff ask for an event to be processed again
reconcile         compare with Stripe what was delivered and what is still open
"""
