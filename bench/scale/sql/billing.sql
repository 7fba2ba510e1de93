-- Money: one payment page per order; a paid one has its charge, its invoice and its subscription.
INSERT INTO billing.payers (account_id, user_id, email, name, account_name, stripe_customer_id, created_at)
SELECT acc, usr, email, 'Customer ' || a, 'Account ' || a, customer, born FROM load.account;

INSERT INTO billing.checkouts (id, order_id, order_number, account_id, currency, total_minor, lines, order_expires_at, attempt,
                               session_expires_at, stripe_customer_id, stripe_session_id, session_url, stripe_subscription_id,
                               paid_at, checked_at, created_at, status, version)
SELECT chk, ord, 'EZ-' || (100001 + i), acc, 'EUR', 900,
       '[{"price_id": "prc_1", "description": "VPS S", "quantity": 1, "unit_amount_minor": 900, "interval": "month"}]',
       at + interval '1 day', 1, at + interval '1 day', customer, session, 'https://pay.example.com/c/' || session,
       CASE WHEN paid THEN subscription END, CASE WHEN paid THEN at + interval '3 minutes' END,
       CASE WHEN status = 'awaiting_payment' AND i % 2 = 0 THEN now() ELSE at + interval '1 minute' END, at,
       CASE status WHEN 'awaiting_payment' THEN 'open' WHEN 'under_review' THEN 'mismatched'
                   WHEN 'canceled' THEN 'expired' WHEN 'expired' THEN 'expired' ELSE 'paid' END, 2
  FROM load.placed ORDER BY i;

INSERT INTO billing.checkout_history (checkout_id, verb, from_status, to_status, at, by, detail)
SELECT chk, verb, 'open', after, at + later, 'stripe', '{}'
  FROM load.placed
 CROSS JOIN (VALUES ('begin', 'open', interval '1 minute'), ('pay', 'paid', interval '3 minutes')) AS lines (verb, after, later)
 WHERE paid OR verb = 'begin' ORDER BY i, later;

INSERT INTO billing.payments (reference, stripe_payment_intent_id, stripe_customer_id, account_id, order_id, status, amount_minor,
                              currency, refunded_minor, disputed_minor, dispute_as_of_order, created_at, as_of)
SELECT 'ch_' || lpad(i::text, 22, '0'), 'pi_' || lpad(i::text, 22, '0'), customer, acc, ord, 'succeeded', 900, 'EUR', 0, 0, -1,
       at + interval '3 minutes', at + interval '3 minutes'
  FROM load.placed WHERE paid ORDER BY i;

INSERT INTO billing.invoices (id, stripe_invoice_id, account_id, order_id, stripe_subscription_id, number, status, total_minor,
                              amount_paid_minor, currency, hosted_invoice_url, pdf_url, created_at, paid_at, as_of, as_of_order)
SELECT load.id(at + interval '3 minutes', 14, i), 'in_' || lpad(i::text, 22, '0'), acc, ord, subscription, 'EZ-INV-' || i,
       CASE WHEN i % 200 = 9 THEN 'open' WHEN i % 200 = 11 THEN 'draft' ELSE 'paid' END, 900, 900, 'EUR',
       'https://pay.example.com/i/' || i, 'https://pay.example.com/i/' || i || '/pdf', at, at + interval '3 minutes', at, 4000
  FROM load.placed WHERE paid ORDER BY i;

INSERT INTO billing.subscriptions (stripe_subscription_id, account_id, order_id, status, period_end, cancel_at_period_end, as_of,
                                   as_of_order, as_of_event)
SELECT subscription, acc, ord, 'active', now() + interval '20 days', false, at, 1, 'evt_' || i FROM load.placed WHERE paid ORDER BY i;

-- Events are kept for 45 days; the payload is shorter than Stripe's three to five kilobytes.
INSERT INTO billing.stripe_events (id, type, api_version, stripe_created_at, livemode, object_id, payload, outcome, received_at,
                                   state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at)
SELECT 'evt_' || lpad(n::text, 24, '0'), (ARRAY['invoice.paid', 'invoice.updated', 'customer.subscription.updated',
                                               'charge.succeeded', 'checkout.session.completed'])[1 + n % 5],
       '2026-01-28.clover', created_at, true, 'in_' || n,
       '{"id": "evt", "object": "event", "data": {"object": {"id": "in_' || n || '", "note": "' || repeat(md5(n::text), 8) || '"}}}',
       CASE WHEN state = 'done' THEN 'invoice paid' END, created_at, state, attempts, next_attempt_at, failure_class, last_error,
       trace, created_at, finished_at
  FROM load.durable(load.orders() / 4, interval '45 days') ORDER BY created_at;

INSERT INTO billing.stripe_tasks (id, kind, key, payload, state, attempts, next_attempt_at, failure_class, last_error, trace,
                                  created_at, finished_at)
SELECT load.id(created_at, 15, n), 'ensure_customer', 'customer:' || n, '{}', state, attempts, next_attempt_at, failure_class,
       last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 20, interval '45 days');

INSERT INTO billing.outbox (id, type, subject, body, state, attempts, next_attempt_at, failure_class, last_error, trace, created_at,
                            finished_at)
SELECT load.id(created_at, 16, n), 'billing.invoice.paid.v1', 'inv_' || n, load.body(n),
       state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 5, interval '7 days');

INSERT INTO billing.inbox (id, type, body, state, attempts, next_attempt_at, failure_class, last_error, trace, created_at,
                           finished_at)
SELECT load.id(created_at, 17, n), 'identity.user.registered.v1', load.body(n),
       state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 20, interval '35 days');

INSERT INTO billing.closed_orders (order_id, closed_at)
SELECT ord, at + interval '9 minutes' FROM load.placed WHERE status = 'canceled';
