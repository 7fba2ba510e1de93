-- What an installation may hold at revision 0003: an order half delivered (1), one unpaid (2), one that runs (3).
SET search_path = catalog;
INSERT INTO products (id, product_type, name) VALUES ('00000000-0000-7000-8000-000000000001', 'vps', 'Virtual servers');
INSERT INTO plans (id, product_id, code, name, tagline, description, features, spec, templates, availability, position,
                   created_at, status, version)
VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001', 'vps-m', 'VPS M', '', '', '[]',
        '{"cores": 2, "memory_mb": 4096, "disk_gb": 80}',
        '[{"id": "debian-13", "name": "Debian 13"}, {"id": "ubuntu-24-04", "name": "Ubuntu 24.04 LTS"}]',
        'open', 1, now(), 'published', 2);
INSERT INTO prices (id, plan_id, currency, "interval", amount_minor, setup_fee_minor, stripe_product_id, stripe_price_id,
                    synced_version)
VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001', 'EUR', 'month', 1200, 0, 'prod_1',
        'price_1', 2);
INSERT INTO orders (id, serial, account_id, placed_by, currency, total_minor, created_at, expires_at, paid_at, fulfilled_at,
                    attention, status, version)
OVERRIDING SYSTEM VALUE VALUES
('00000000-0000-7000-8000-000000000001', 100001, '00000000-0000-7000-8000-0000000000aa', '00000000-0000-7000-8000-000000000001',
 'EUR', 2400, '2026-01-31T10:00Z', '2026-02-01T10:00Z', '2026-01-31T10:05Z', NULL, '[]', 'paid', 2),
('00000000-0000-7000-8000-000000000002', 100002, '00000000-0000-7000-8000-0000000000aa', '00000000-0000-7000-8000-000000000001',
 'EUR', 3600, '2026-01-31T11:00Z', '2026-02-01T11:00Z', NULL, NULL, '[]', 'awaiting_payment', 1),
('00000000-0000-7000-8000-000000000003', 100003, '00000000-0000-7000-8000-0000000000aa', '00000000-0000-7000-8000-000000000001',
 'EUR', 1200, '2026-01-30T10:00Z', '2026-01-31T10:00Z', '2026-01-30T10:05Z', '2026-01-30T10:09Z', '[]', 'fulfilled', 3);
INSERT INTO order_items (id, order_id, position, price_id, plan_code, plan_name, product_type, spec, currency, "interval",
                         quantity, unit_minor, setup_fee_minor, hostname, template)
SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, ('00000000-0000-7000-8000-00000000000' || n)::uuid, 0,
       '00000000-0000-7000-8000-000000000001', 'vps-m', 'VPS M', 'vps', '{"cores": 2}', 'EUR', 'month', quantity, 1200, 0,
       hostname, template
  FROM (VALUES (1, 2, 'web.example.com', 'debian-13'), (2, 3, 'db', NULL), (3, 1, 'solo', 'debian-13'))
       AS items (n, quantity, hostname, template);
INSERT INTO order_history (order_id, verb, from_status, to_status, at, by, detail)
SELECT id, 'begin', 'awaiting_payment', 'awaiting_payment', created_at, 'usr_x', '{"total": "24.00 EUR"}' FROM orders;
INSERT INTO entitlements (id, order_id, item_id, account_id, ordinal, hostname, service_id, created_at, status, version)
SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, ('00000000-0000-7000-8000-00000000000' || held)::uuid,
       ('00000000-0000-7000-8000-00000000000' || held)::uuid, '00000000-0000-7000-8000-0000000000aa', ordinal, hostname,
       CASE WHEN status = 'active' THEN ('00000000-0000-7000-8000-00000000000' || n)::uuid END, now(), status, 1
  FROM (VALUES (1, 1, 1, 'web-1.example.com', 'active'), (2, 1, 2, 'web-2.example.com', 'granted'), (3, 3, 1, 'solo', 'active'))
       AS rights (n, held, ordinal, hostname, status);
INSERT INTO entitlement_history (entitlement_id, verb, from_status, to_status, at, by, detail)
SELECT id, 'activate', 'granted', 'active', '2026-01-31T10:08Z', 'service:provisioning', '{}' FROM entitlements
 WHERE status = 'active';
INSERT INTO outbox (id, type, subject, body)
VALUES ('00000000-0000-7000-8000-000000000001', 'catalog.entitlement.granted.v1', 'ent_old', '{"kept": "as it was"}');
