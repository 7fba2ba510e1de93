-- What every schema's rows are made from: one line per order, and one per unit of what it is for.
-- load.orders() says how many; everything else follows from an order's number, so that every run loads the same.
-- Two years of business that ends now: one account has a hundredth of all orders, the others one to four.
-- A few hundred orders are in hand, whatever the size; the rest is over.

CREATE FUNCTION load.id(at timestamptz, kind integer, n bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || '7' || lpad(to_hex(kind), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid
$$;

CREATE UNLOGGED TABLE load.account AS
SELECT a, born,
       load.id(born, 1, a) AS acc,
       load.id(born, 2, a) AS usr,
       'customer-' || a || '@example.net' AS email,
       'cus_' || lpad(a::text, 14, '0') AS customer
  FROM (SELECT a, now() - interval '2 years' + a * (interval '2 years' / (load.orders() / 2 + 1)) AS born
          FROM generate_series(0, load.orders() / 2) AS a) AS numbered;
CREATE UNIQUE INDEX ON load.account (a);

CREATE UNLOGGED TABLE load.placed AS
SELECT i, at, status, a.a, a.acc, a.usr, a.email, a.customer,
       status IN ('paid', 'fulfilled') AS paid,
       load.id(at, 3, i) AS ord,
       load.id(at, 4, i) AS chk,
       'cs_live_' || lpad(i::text, 24, '0') AS session,
       'sub_' || lpad(i::text, 20, '0') AS subscription
  FROM (SELECT i,
               now() - interval '2 years' + i * (interval '2 years' / (load.orders() + 1)) AS at,
               CASE WHEN i % 100 = 0 THEN 0 ELSE 1 + (i * 48271) % (load.orders() / 2) END AS a,
               CASE WHEN i >= load.orders() - 200 THEN 'awaiting_payment'
                    WHEN i >= load.orders() - 260 THEN 'paid'
                    WHEN i >= load.orders() - 300 THEN 'under_review'
                    WHEN (i / 100 + i * 37) % 100 < 3 THEN 'canceled'
                    WHEN (i / 100 + i * 37) % 100 < 7 THEN 'expired'
                    ELSE 'fulfilled' END AS status
          FROM generate_series(0::bigint, load.orders() - 1) AS i) AS numbered
  JOIN load.account AS a USING (a);

CREATE UNLOGGED TABLE load.unit AS
SELECT placed.*, k,
       load.id(at, 5, i * 4 + k) AS itm,
       load.id(at, 6, i * 4 + k) AS ent,
       load.id(at + interval '1 second', 7, i * 4 + k) AS svc,
       load.id(at + interval '1 second', 8, i * 4 + k) AS job,
       i * 4 + k AS u,
       'web-' || (i * 4 + k) || '.c' || a || '.example.net' AS host
  FROM load.placed AS placed
 CROSS JOIN LATERAL generate_series(1, CASE WHEN i % 10 = 3 THEN 2 ELSE 1 END) AS k;

ANALYZE load.account, load.placed, load.unit;

-- The body of a fact, about as long as most are.
CREATE FUNCTION load.body(n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT convert_to('{"specversion": "1.0", "source": "/billing", "datacontenttype": "application/json", "data": {"order_id": "ord_'
                      || lpad(n::text, 26, '0') || '", "checkout_id": "chk_' || lpad(n::text, 26, '0')
                      || '", "amount_minor": 900, "currency": "EUR"}}', 'UTF8')
$$;

-- One durable table's share: `done` rows spread over the time they are kept, and a few hundred that are not done:
-- 200 due, 300 that wait, 150 dead, 50 parked.
CREATE FUNCTION load.durable(done bigint, kept interval)
RETURNS TABLE (n bigint, state text, attempts integer, next_attempt_at timestamptz, failure_class text,
               last_error text, trace text, created_at timestamptz, finished_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT n, 'done', 1, at, NULL, NULL, '00-' || lpad(to_hex(n), 32, '0') || '-' || lpad(to_hex(n), 16, '0') || '-01',
           at, at + interval '200 milliseconds'
      FROM (SELECT n, now() - kept + n * (kept / (done + 1)) AS at FROM generate_series(0::bigint, done - 1) AS n) AS kept
    UNION ALL
    SELECT done + n,
           CASE WHEN n < 500 THEN 'ready' WHEN n < 650 THEN 'dead' ELSE 'parked' END,
           CASE WHEN n < 200 THEN 0 ELSE 3 END,
           now() + CASE WHEN n < 200 THEN -(n + 1) * interval '1 second' ELSE n * interval '1 minute' END,
           CASE WHEN n >= 200 THEN 'transient' END, CASE WHEN n >= 200 THEN 'TimeoutError: no answer' END, NULL,
           now() - interval '1 hour', CASE WHEN n >= 500 THEN now() - n * interval '1 minute' END
      FROM generate_series(0, 699) AS n
$$;
