-- Orders with their lines, their stories and what they entitle to. The catalogue itself is there already (ez seed).
INSERT INTO catalog.orders (id, number, account_id, placed_by, currency, total_minor, created_at, expires_at, paid_at,
                            fulfilled_at, checkout_requested_at, checkout_id, checkout_url, checkout_expires_at,
                            review_reason, attention, status, version)
SELECT ord, 'EZ-' || (100001 + i), acc, usr, 'EUR', 900, at,
       CASE WHEN status = 'awaiting_payment' AND i % 4 <> 0 THEN now() + interval '20 hours' ELSE at + interval '1 day' END,
       CASE WHEN paid THEN at + interval '3 minutes' END, CASE WHEN status = 'fulfilled' THEN at + interval '5 minutes' END,
       at + interval '1 minute', 'chk_' || i, 'https://pay.example.com/c/' || session, at + interval '1 day',
       CASE WHEN status = 'under_review' THEN 'payment_mismatch' END,
       CASE WHEN status = 'under_review' THEN '["mismatched_payment"]'::jsonb ELSE '[]'::jsonb END, status,
       CASE WHEN paid THEN 3 ELSE 2 END
  FROM load.placed ORDER BY i;

INSERT INTO catalog.order_items (id, order_id, position, price_id, plan_code, plan_name, product_type, spec, currency,
                                 "interval", quantity, unit_minor, setup_fee_minor, name, invoice_name, configuration,
                                 configured, units, delivered_at)
SELECT itm, ord, k - 1, price.id, 'vps-s', 'VPS S', 'vps', '{"cores": 2, "memory_mb": 4096, "disk_gb": 40}', 'EUR', 'month', 1,
       900, 0, host, 'VPS S · ' || host, jsonb_build_object('hostname', host, 'template', 'debian-12'),
       jsonb_build_array(jsonb_build_object('key', 'hostname', 'label', 'Host name', 'value', host)),
       jsonb_build_array(jsonb_build_object('name', host, 'configuration', jsonb_build_object('hostname', host))),
       CASE WHEN status = 'fulfilled' THEN at + interval '5 minutes' END
  FROM load.unit, (SELECT id FROM catalog.prices ORDER BY id LIMIT 1) AS price ORDER BY i, k;

INSERT INTO catalog.order_history (order_id, verb, from_status, to_status, at, by, detail)
SELECT ord, verb, before, after, at + later, 'service:billing', detail::jsonb
  FROM load.placed
 CROSS JOIN LATERAL (
       VALUES ('begin', 'awaiting_payment', 'awaiting_payment', interval '0', '{"total": "9.00 EUR"}', true),
              ('pay', 'awaiting_payment', 'paid', interval '3 minutes', '{"amount": "9.00 EUR"}', paid),
              ('fulfill', 'paid', 'fulfilled', interval '5 minutes', '{}', status = 'fulfilled'),
              ('cancel', 'awaiting_payment', 'canceled', interval '9 minutes', '{}', status = 'canceled'),
              ('expire', 'awaiting_payment', 'expired', interval '1 day', '{}', status = 'expired')
       ) AS lines (verb, before, after, later, detail, happened)
 WHERE happened ORDER BY i, later;

INSERT INTO catalog.payments (order_id, checkout_id, amount_minor, currency, outcome, stripe_subscription_id, paid_at)
SELECT ord, 'chk_' || i, 900, 'EUR', CASE WHEN paid THEN 'settled' ELSE 'mismatched' END, subscription, at + interval '3 minutes'
  FROM load.placed WHERE paid OR status = 'under_review' ORDER BY i;

INSERT INTO catalog.entitlements (id, order_id, item_id, account_id, ordinal, product_type, name, configuration, plan_code,
                                  plan_name, spec, service_id, created_at, activated_at, status, version)
SELECT ent, ord, itm, acc, 1, 'vps', host, jsonb_build_object('hostname', host, 'template', 'debian-12'), 'vps-s', 'VPS S',
       '{"cores": 2, "memory_mb": 4096, "disk_gb": 40}', svc, at, CASE WHEN status = 'fulfilled' THEN at + interval '5 minutes' END,
       CASE WHEN status = 'fulfilled' THEN 'active' ELSE 'granted' END, 2
  FROM load.unit WHERE paid ORDER BY i, k;

INSERT INTO catalog.entitlement_history (entitlement_id, verb, from_status, to_status, at, by, detail)
SELECT ent, verb, 'granted', after, at + later, 'service:provisioning', '{}'
  FROM load.unit
 CROSS JOIN (VALUES ('begin', 'granted', interval '3 minutes'), ('activate', 'active', interval '5 minutes'))
            AS lines (verb, after, later)
 WHERE status = 'fulfilled' OR (paid AND verb = 'begin') ORDER BY i, k;

INSERT INTO catalog.customers (account_id, name, email, described_at)
SELECT acc, 'Customer ' || min(a), min(email), now() FROM load.placed GROUP BY acc;

INSERT INTO catalog.outbox (id, type, subject, body, state, attempts, next_attempt_at, failure_class, last_error, trace,
                            created_at, finished_at)
SELECT load.id(created_at, 12, n), 'catalog.entitlement.granted.v1', 'ent_' || n, load.body(n),
       state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 10, interval '7 days');

INSERT INTO catalog.inbox (id, type, body, state, attempts, next_attempt_at, failure_class, last_error, trace, created_at,
                           finished_at)
SELECT load.id(created_at, 13, n), 'billing.checkout.paid.v1', load.body(n),
       state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 8, interval '35 days');

INSERT INTO catalog.idempotency_keys (owner, key, fingerprint, status, body, created_at)
SELECT acc::text, 'key-' || i, sha256(session::bytea), 201, '{}', now() - (i % 48) * interval '59 minutes'
  FROM load.placed WHERE i % 50 = 1;
