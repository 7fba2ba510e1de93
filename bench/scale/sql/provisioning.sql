-- One resource per granted unit, the job that delivered it, and now and then a press of the power button.
INSERT INTO provisioning.resources (id, entitlement_id, order_id, account_id, product_type, plan_code, plan_name, name, configuration,
                                    spec, provider, external_ref, attributes, address, power, delayed, created_at, activated_at, status, version,
                                    entitlement, entitlement_version, change_version)
SELECT svc, ent, ord, acc, 'vps', 'vps-s', 'VPS S', host, '{"template": "debian-12"}', '{"cores": 2, "memory_mb": 4096, "disk_gb": 40}', 'proxmox',
       (1000 + u)::text, jsonb_build_object('ipv4', '10.' || (u >> 16) % 256 || '.' || (u >> 8) % 256 || '.' || u % 256),
       '10.' || (u >> 16) % 256 || '.' || (u >> 8) % 256 || '.' || u % 256, 'running', false, at,
       CASE WHEN status = 'fulfilled' THEN at + interval '5 minutes' END,
       CASE WHEN status <> 'fulfilled' THEN 'provisioning' WHEN u % 97 = 5 THEN 'removed' ELSE 'active' END, 3,
       CASE WHEN u % 97 = 5 THEN 'ended' ELSE 'valid' END, 1, 1
  FROM load.unit WHERE paid ORDER BY i, k;

INSERT INTO provisioning.resource_history (resource_id, verb, from_status, to_status, at, by, detail)
SELECT svc, verb, before, after, at + later, 'system', '{}'
  FROM load.unit
 CROSS JOIN (VALUES ('begin', 'pending', 'pending', interval '3 minutes'),
                    ('provision', 'pending', 'provisioning', interval '4 minutes'),
                    ('activate', 'provisioning', 'active', interval '5 minutes')) AS lines (verb, before, after, later)
 WHERE status = 'fulfilled' OR (paid AND verb <> 'activate') ORDER BY i, k, later;

INSERT INTO provisioning.jobs (id, intent, resource_id, idempotency_key, deadline_at, requested_by, state, attempts, next_attempt_at,
                               failure_class, last_error, created_at, finished_at)
SELECT job, 'create', svc, 'create:' || u, at + interval '1 day', 'system', 'done', 1, at, NULL, NULL, at, at + interval '5 minutes'
  FROM load.unit WHERE status = 'fulfilled' ORDER BY i, k;

INSERT INTO provisioning.job_steps (job_id, position, name, state, started_at, finished_at, tries)
SELECT job, position, name, 'done', at + position * interval '10 seconds', at + position * interval '11 seconds', 1
  FROM load.unit CROSS JOIN (VALUES (1, 'reserve'), (2, 'create')) AS steps (position, name)
 WHERE status = 'fulfilled' ORDER BY i, k, position;

-- Power actions of the last 90 days, and those in hand: one per resource at most.
INSERT INTO provisioning.jobs (id, intent, resource_id, idempotency_key, deadline_at, requested_by, state, attempts, next_attempt_at,
                               failure_class, last_error, trace, created_at, finished_at)
SELECT load.id(rows.created_at, 18, rows.n), 'reboot', unit.svc, 'reboot:' || rows.n, rows.created_at + interval '1 day',
       'system', rows.state, rows.attempts, rows.next_attempt_at, rows.failure_class, rows.last_error, rows.trace, rows.created_at,
       rows.finished_at
  FROM load.durable(load.orders() / 10, interval '90 days') AS rows
  JOIN (SELECT svc, row_number() OVER (ORDER BY u) - 1 AS n FROM load.unit WHERE status = 'fulfilled') AS unit USING (n);

INSERT INTO provisioning.outbox (id, type, subject, body, state, attempts, next_attempt_at, failure_class, last_error, trace,
                                 created_at, finished_at)
SELECT load.id(created_at, 19, n), 'provisioning.resource.activated.v1', 'svc_' || n,
       load.body(n),
       state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 20, interval '7 days');

INSERT INTO provisioning.inbox (id, type, body, state, attempts, next_attempt_at, failure_class, last_error, trace, created_at,
                                finished_at)
SELECT load.id(created_at, 20, n), 'catalog.entitlement.granted.v1', load.body(n),
       state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 10, interval '35 days');
