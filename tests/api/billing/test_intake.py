"""Webhook intake: what is stored and counts once, and that nothing unsigned ever leaves a trace."""

import asyncio
import re
from datetime import timedelta

import asyncpg
import pytest
import structlog
from sqlalchemy import text
from structlog.testing import capture_logs

from services.billing.adapters.intake import IncomingEvent, Intake
from shared.database import Database
from shared.telemetry.metrics import registry
from tests.api.billing.conftest import Billing, running_billing, settings
from tests.api.billing.deliveries import an_event, assert_problem, post
from tests.support.database import TestDatabase
from tests.support.stripe_payloads import SECRET, encoded, event, invoice, session, signature, signed


async def test_a_signed_event_is_stored_exactly_as_it_was_signed(billing: Billing) -> None:
    made = event("invoice.paid", invoice(id="in_1", note="Grüße 🎈 \u0000"))
    answer = await billing.deliver(made)
    assert (answer.status_code, answer.content) == (200, b"")
    stored = await billing.stored(made["id"])
    assert stored.payload.encode() == encoded(made)
    assert (stored.type, stored.object_id, stored.livemode, stored.state) == ("invoice.paid", "in_1", False, "ready")
    assert stored.stripe_created_at.timestamp() == made["created"]


async def test_fifty_concurrent_deliveries_of_one_event_are_one_row_and_one_effect(billing: Billing) -> None:
    made = an_event()
    answers = await asyncio.gather(*(billing.deliver(made) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert await billing.count("stripe_events") == 1
    assert await billing.process() == 1


async def test_concurrent_events_share_commits_and_every_one_is_stored(billing: Billing) -> None:
    made = [an_event() for _ in range(200)]
    before = await commits(billing)
    answers = await asyncio.gather(*(billing.deliver(item) for item in made))
    assert {answer.status_code for answer in answers} == {200}
    assert await billing.count("stripe_events") == 200
    assert await commits(billing) - before < 100


async def commits(billing: Billing) -> int:
    """How many transactions wrote events so far: rows of one commit carry one transaction id."""
    rows = await billing.rows("stripe_events", "DISTINCT xmin::text")
    return len(rows)


async def test_a_duplicate_an_hour_later_signed_anew_has_no_effect(billing: Billing) -> None:
    made = an_event()
    await billing.apply(made)
    billing.clock.ahead = timedelta(hours=1)
    body = encoded(made)
    answer = await post(billing, body, signed(body, at=billing.clock.now().timestamp()))
    assert answer.status_code == 200
    assert await billing.process() == 0
    assert (await billing.stored(made["id"])).attempts == 1


async def test_an_event_that_only_mentions_another_event_is_no_duplicate_key(billing: Billing) -> None:
    made = event("customer.created", {"id": "cus_1", "metadata": {"id": "evt_1"}})
    assert (await billing.deliver(made)).status_code == 200


@pytest.mark.fault(9)
async def test_an_unknown_type_is_stored_and_visibly_ignored(billing: Billing) -> None:
    made = event("radar.early_fraud_warning.created", {"id": "issfr_1"})
    await billing.apply(made)
    stored = await billing.stored(made["id"])
    assert (stored.state, stored.outcome) == ("done", "ignored")


@pytest.mark.fault(9)
async def test_an_event_of_an_unknown_api_version_is_stored_and_waits_until_its_object_can_be_read_in_ours(
    billing: Billing,
) -> None:
    made = event("checkout.session.completed", session(), api_version="2031-01-01.future")
    await billing.apply(made)  # nothing answers at Stripe's address here
    stored = await billing.stored(made["id"])
    assert (stored.state, stored.outcome) == ("ready", None)
    assert stored.last_error is not None


@pytest.mark.fault(5)
async def test_while_a_secret_is_rotated_both_are_valid_and_afterwards_only_the_new_one(
    fresh_database: TestDatabase,
) -> None:
    url = fresh_database.url("billing")
    async for billing in running_billing(url, stripe_webhook_secrets="whsec_old, whsec_new"):
        for secret in ("whsec_old", "whsec_new"):
            body = encoded(an_event())
            assert (await post(billing, body, signed(body, secret=secret))).status_code == 200
        body = encoded(an_event())
        both = signed(body, secret="whsec_gone")["Stripe-Signature"] + "," + signature(body, secret="whsec_new")
        assert (await post(billing, body, {"Stripe-Signature": both})).status_code == 200
    async for billing in running_billing(url, stripe_webhook_secrets="whsec_new"):
        body = encoded(an_event())
        assert_problem(await post(billing, body, signed(body, secret="whsec_old")), 400, "invalid-signature")


@pytest.mark.fault(4)
@pytest.mark.parametrize("secret", ["", " ", ",", "whsec_a,", "whsec_a, ,whsec_b"])
def test_billing_does_not_start_with_an_empty_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="stripe_webhook_secrets"):
        settings("postgresql://x", stripe_webhook_secrets=secret)


async def test_a_flood_of_forgeries_leaves_no_row_and_good_events_pass(billing: Billing) -> None:
    body = encoded(an_event())
    forged = [post(billing, body, signed(body, secret="whsec_guess")) for _ in range(100)]
    good = [billing.deliver(an_event()) for _ in range(10)]
    answers = await asyncio.gather(*forged, *good)
    assert [answer.status_code for answer in answers] == [400] * 100 + [200] * 10
    assert await billing.count("stripe_events") == 10


async def test_a_row_that_cannot_be_stored_does_not_cost_its_neighbours(billing: Billing) -> None:
    await billing.execute("ALTER TABLE stripe_events ADD CONSTRAINT no_bad CHECK (type <> 'bad.one')")
    answers = await asyncio.gather(
        *(billing.deliver(an_event()) for _ in range(5)),
        billing.deliver(an_event(type="bad.one")),
        *(billing.deliver(an_event()) for _ in range(5)),
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [400]
    assert await billing.count("stripe_events") == 10


async def test_a_flush_wakes_the_worker_once(billing: Billing, fresh_database: TestDatabase) -> None:
    heard: list[str] = []
    connection = await asyncpg.connect(fresh_database.url("billing"))
    await connection.add_listener("billing_stripe_events", lambda *_parts: heard.append("wake"))
    await asyncio.gather(*(billing.deliver(an_event()) for _ in range(30)))
    await asyncio.sleep(0.3)
    await connection.close()
    assert 1 <= len(heard) < 10


async def test_the_webhook_answers_only_posts(billing: Billing) -> None:
    answer = await billing.client.get("/webhooks/stripe")
    assert_problem(answer, 405, "method-not-allowed")


async def test_an_event_carries_the_trace_it_came_with_or_begins_one(billing: Billing) -> None:
    given = f"00-{'ab' * 16}-{'cd' * 8}-01"
    traced, untraced, garbled = an_event(), an_event(), an_event()
    await billing.deliver(traced, traceparent=given)
    await billing.deliver(untraced)
    await billing.deliver(garbled, traceparent=f"00-{'0' * 32}-{'cd' * 8}-01")
    traces = [(await billing.stored(made["id"])).trace or "" for made in (traced, untraced, garbled)]
    assert traces[0] == given
    assert traces[1] != traces[2]
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace) for trace in traces)
    assert not any(trace.startswith(f"00-{'0' * 32}") for trace in traces)


async def test_what_is_stored_and_what_is_refused_is_logged_and_counted(billing: Billing) -> None:
    def count(outcome: str) -> float:
        return registry.get_sample_value("ez_stripe_deliveries_total", {"outcome": outcome}) or 0.0

    made, before = an_event(), (count("stored"), count("invalid-signature"))
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await billing.deliver(made)
        answer = await post(billing, encoded(made), signed(encoded(made), secret="whsec_guess"))
    assert (count("stored"), count("invalid-signature")) == (before[0] + 1, before[1] + 1)
    [stored] = [line for line in lines if line["event"] == "deliveries_stored"]
    [refused] = [line for line in lines if line["event"] == "delivery_refused"]
    [access] = [line for line in lines if line["event"] == "request"]
    assert stored["events"] == [made["id"]]
    assert refused["reason"] == "invalid-signature"
    assert refused["request_id"] == access["request_id"] == answer.headers["x-request-id"]
    assert (access["route"], access["status"]) == ("/webhooks/stripe", 400)


async def test_a_failure_nobody_expected_is_a_problem_without_a_trace(
    billing: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_intake: Intake, _event: IncomingEvent) -> None:
        raise LookupError("a secret thing")

    monkeypatch.setattr(Intake, "store", broken)
    answer = await billing.deliver(an_event())
    assert_problem(answer, 500, "internal-error")
    assert "secret" not in answer.text
    assert await billing.count("stripe_events") == 0


async def test_neither_body_nor_secret_is_logged(billing: Billing, capsys: pytest.CaptureFixture[str]) -> None:
    made = event("customer.created", {"id": "cus_1", "email": "private@example.com"})
    await billing.deliver(made)
    body = encoded(made)
    await post(billing, body, signed(body, secret="whsec_guess"))
    logged = capsys.readouterr()
    for word in ("private@example.com", SECRET, "v1=", "whsec_"):
        assert word not in logged.out + logged.err


async def test_the_payload_is_compressed_as_postgresql_can(billing: Billing) -> None:
    made = event("customer.created", {"id": "cus_1", "filler": "x" * 20_000})
    await billing.deliver(made)
    [row] = await billing.rows("stripe_events", "pg_column_size(payload) AS size, length(payload) AS length")
    assert row["size"] < row["length"] / 5


async def test_a_crash_after_the_commit_costs_only_a_repeat(billing: Billing, fresh_database: TestDatabase) -> None:
    """What a kill between commit and answer leaves: the row is there, the sender tries again."""
    made = an_event()
    await billing.apply(made)
    other = Database(fresh_database.url("billing"), "billing")
    async with other.read() as session_:
        assert (await session_.execute(text("SELECT count(*) FROM stripe_events"))).scalar_one() == 1
    await other.close()
    assert (await billing.deliver(made)).status_code == 200
    assert await billing.process() == 0
