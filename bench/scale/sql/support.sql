-- People, their questions (one order in ten leads to one), and mails of the last 90 days.
INSERT INTO support.contacts (user_id, account_id, email, name, locale, created_at)
SELECT usr, acc, email, 'Customer ' || a, 'en', born FROM load.account;

INSERT INTO support.known_services (id, account_id, name, version) SELECT svc, acc, host, 3 FROM load.unit WHERE paid;

INSERT INTO support.tickets (id, sequence, account_id, opened_by, subject, priority, service_id, created_at, updated_at, status,
                             version)
OVERRIDING SYSTEM VALUE
SELECT load.id(at + interval '1 day', 21, u), 100001 + u, acc, usr, 'Question about ' || host, 'normal', svc, at, at + interval '1 day',
       CASE WHEN i < load.orders() - 3000 THEN 'closed' ELSE (ARRAY['open', 'answered', 'customer_replied'])[1 + (i / 10) % 3] END, 2
  FROM load.unit WHERE i % 10 = (i / 100) % 10 AND k = 1;

INSERT INTO support.messages (id, ticket_id, author_kind, author_id, author_name, body, internal, created_at)
SELECT load.id(at + later, 22, u * 4 + nr), load.id(at + interval '1 day', 21, u), kind, usr, 'Ada', repeat('How do I? ', 10),
       false, at + later
  FROM load.unit
 CROSS JOIN (VALUES (1, 'customer', interval '1 day'), (2, 'staff', interval '25 hours')) AS said (nr, kind, later)
 WHERE i % 10 = (i / 100) % 10 AND k = 1;

INSERT INTO support.ticket_history (ticket_id, verb, from_status, to_status, at, by, detail)
SELECT load.id(at + interval '1 day', 21, u), 'begin', 'open', 'open', at, 'system', '{}'
  FROM load.unit WHERE i % 10 = (i / 100) % 10 AND k = 1;

INSERT INTO support.notifications (id, dedupe_key, template, recipient, recipient_name, context, sent_at, state, attempts,
                                   next_attempt_at, failure_class, last_error, trace, created_at, finished_at)
SELECT load.id(created_at, 23, n), 'receipt:' || n, CASE n % 2 WHEN 0 THEN 'receipt' ELSE 'welcome_vps' END,
       'customer-' || n % 1000 || '@example.net', 'Customer', '{"number": "EZ-INV-1", "amount_minor": 900, "currency": "EUR"}',
       finished_at, state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 4, interval '90 days');

INSERT INTO support.inbox (id, type, body, state, attempts, next_attempt_at, failure_class, last_error, trace, created_at,
                           finished_at)
SELECT load.id(created_at, 24, n), 'billing.invoice.paid.v1', load.body(n),
       state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 4, interval '35 days');
