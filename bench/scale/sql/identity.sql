-- Everybody has an account, a third is signed in somewhere or was lately.
INSERT INTO identity.accounts (id, name, created_at) SELECT acc, 'Account ' || a, born FROM load.account;

INSERT INTO identity.users (id, email, email_key, name, locale, password_hash, created_at, status, version)
SELECT usr, email, email, 'Customer ' || a, 'en', '$argon2id$v=19$m=65536,t=3,p=4$' || md5(a::text), born,
       CASE WHEN a % 50 = 49 THEN 'unverified' ELSE 'active' END, 2
  FROM load.account;

INSERT INTO identity.memberships (account_id, user_id, role, created_at) SELECT acc, usr, 'owner', born FROM load.account;

INSERT INTO identity.user_history (user_id, verb, from_status, to_status, at, by, detail)
SELECT usr, verb, 'unverified', status, born + later, usr::text, '{}'
  FROM load.account,
       (VALUES ('begin', 'unverified', interval '0'), ('verify', 'active', interval '1 hour'),
               ('signed_in', 'active', interval '2 hours')) AS lines (verb, status, later);

-- The token of account a is ezs_ and its number in 43 digits.
INSERT INTO identity.sessions (id, user_id, token_hash, ip, user_agent, created_at, last_seen_at, expires_at,
                               authenticated_at, ended_at)
SELECT load.id(now() - age, 9, a), usr, sha256(('ezs_' || lpad(a::text, 43, '0'))::bytea), '203.0.113.9', 'Mozilla/5.0',
       now() - age, now() - least(age, interval '1 hour'), now() - age + interval '14 days',
       now() - age, CASE WHEN a % 3 = 1 THEN now() - age + interval '1 minute' END
  FROM (SELECT *, (a % 13) * interval '1 day' AS age FROM load.account WHERE a % 3 < 2) AS signed_in;

INSERT INTO identity.verifications (id, user_id, purpose, created_at, expires_at, used_at)
SELECT load.id(now() - age, 10, a), usr, 'verify_email', now() - age, now() - age + interval '1 day', now() - age
  FROM (SELECT *, (a % 7) * interval '1 day' AS age FROM load.account WHERE a % 50 = 7) AS lately;

INSERT INTO identity.attempts (bucket, subject, at)
SELECT 'sign_in.email', sha256(email::bytea), now() - (a % 50) * interval '1 minute' FROM load.account WHERE a % 40 = 3;

INSERT INTO identity.outbox (id, type, subject, body, state, attempts, next_attempt_at, failure_class, last_error, trace,
                             created_at, finished_at)
SELECT load.id(created_at, 11, n), 'identity.user.registered.v1', 'usr_' || n, load.body(n),
       state, attempts, next_attempt_at, failure_class, last_error, trace, created_at, finished_at
  FROM load.durable(load.orders() / 20, interval '7 days');

INSERT INTO identity.idempotency_keys (owner, key, fingerprint, status, body, created_at)
SELECT usr::text, 'key-' || a, sha256(email::bytea), 201, '{}', now() - (a % 48) * interval '59 minutes'
  FROM load.account WHERE a % 50 = 1;
