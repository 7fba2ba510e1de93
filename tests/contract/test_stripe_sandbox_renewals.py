"""What follows a purchase in the sandbox: renewals, their periods, and the end of a subscription."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import stripe

from sandbox.stripe.resources.periods import after, next_end
from tests.support.stripe_sandbox import RunningSandbox, running_sandbox, subscription_session


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with running_sandbox() as running:
        yield running


async def test_a_subscription_ends_at_its_period_or_at_once(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    sessions = [await subscription_session(sandbox) for _ in range(2)]
    for session in sessions:
        await sandbox.pay(session.id)
    second, first = (await v1.subscriptions.list_async()).data
    ending = await v1.subscriptions.update_async(first.id, {"cancel_at_period_end": True})
    assert ending.cancel_at == ending.to_dict()["items"]["data"][0]["current_period_end"]
    stopped = await v1.subscriptions.cancel_async(second.id)
    assert (stopped.status, stopped.ended_at is not None) == ("canceled", True)
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        await v1.subscriptions.cancel_async(second.id)
    assert [entry.id for entry in (await v1.subscriptions.list_async()).data] == [first.id]
    await sandbox.control.post("/_sandbox/clock", json={"advance_seconds": 32 * 24 * 3600})
    for _ in range(100):
        if (await v1.subscriptions.retrieve_async(first.id)).status == "canceled":
            break
    else:
        await _wait_for_status(sandbox, first.id, "canceled")
    assert (await sandbox.event_types()).count("customer.subscription.deleted") == 2


async def _latest_invoice(sandbox: RunningSandbox, identifier: str, reason: str) -> stripe.Invoice:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        listed = await sandbox.stripe.v1.invoices.list_async({"subscription": identifier, "limit": 1})
        if listed.data[0].billing_reason == reason:
            return listed.data[0]
    raise AssertionError(f"no invoice of {reason} appeared")


async def _wait_for_status(sandbox: RunningSandbox, identifier: str, status: str) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if (await sandbox.stripe.v1.subscriptions.retrieve_async(identifier)).status == status:
            return
    raise AssertionError(f"the subscription never became {status}")


async def test_a_renewal_bills_the_next_period_and_can_fail(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id, card="4000000000000341")
    [subscription] = (await v1.subscriptions.list_async()).data
    old_end = subscription.to_dict()["items"]["data"][0]["current_period_end"]
    await sandbox.control.post("/_sandbox/clock", json={"advance_seconds": old_end - int(time.time()) + 1})
    drafted = await _latest_invoice(sandbox, subscription.id, "subscription_cycle")
    assert (drafted.status, drafted.automatically_finalizes_at) == ("draft", drafted.created + 3600)
    assert (await v1.subscriptions.retrieve_async(subscription.id)).status == "active"
    await sandbox.control.post("/_sandbox/clock", json={"advance_seconds": 3600})
    await _wait_for_status(sandbox, subscription.id, "past_due")
    renewed = (await v1.subscriptions.retrieve_async(subscription.id)).to_dict()
    assert renewed["items"]["data"][0]["current_period_start"] == old_end
    invoice = await v1.invoices.retrieve_async(renewed["latest_invoice"])
    assert (invoice.billing_reason, invoice.status, invoice.total) == ("subscription_cycle", "open", 2400)
    assert "invoice.payment_failed" in await sandbox.event_types()
    answer = await sandbox.control.post(f"/_sandbox/subscriptions/{subscription.id}/renew", json={"outcome": "success"})
    assert answer.json()["invoice_status"] == "paid"
    assert (await v1.subscriptions.retrieve_async(subscription.id)).status == "active"


@pytest.mark.parametrize(
    ("start", "interval", "count", "end"),
    [
        ("2028-01-31", "month", 1, "2028-02-29"),
        ("2027-01-31", "month", 1, "2027-02-28"),
        ("2028-02-29", "year", 1, "2029-02-28"),
        ("2026-11-30", "month", 3, "2027-02-28"),
        ("2026-12-31", "week", 1, "2027-01-07"),
    ],
)
def test_a_period_ends_on_the_last_day_of_a_shorter_month(start: str, interval: str, count: int, end: str) -> None:
    begins = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp())
    ends = after(begins, {"interval": interval, "interval_count": count})
    assert datetime.fromtimestamp(ends, UTC).date().isoformat() == end


def test_a_subscription_of_the_31st_returns_to_the_31st_after_a_shorter_month() -> None:
    monthly = {"interval": "month", "interval_count": 1}
    anchor = int(datetime(2028, 1, 31, 12, tzinfo=UTC).timestamp())
    ends = [anchor]
    for _ in range(3):
        ends.append(next_end(anchor, monthly, ends[-1]))
    assert [datetime.fromtimestamp(end, UTC).date().isoformat() for end in ends[1:]] == [
        "2028-02-29",
        "2028-03-31",
        "2028-04-30",
    ]
