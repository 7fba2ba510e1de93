"""An event whose handler always crashes: it costs itself its time, and nobody else."""

import pytest

from tests.api.billing.conftest import Shop
from tests.api.billing.pictures import opened
from tests.support.callers import bearer, staff
from tests.support.stripe_payloads import event, invoice

ATTEMPTS = 12
RECEIPT = "billing.invoice.paid"


async def crash_on(shop: Shop, invoice_id: str) -> None:
    """Makes PostgreSQL raise whenever this invoice is written."""
    await shop.billing.execute(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'this invoice is poison'; END $$"
    )
    await shop.billing.execute(
        "CREATE TRIGGER poison BEFORE INSERT ON invoices FOR EACH ROW "
        f"WHEN (NEW.stripe_invoice_id = '{invoice_id}') EXECUTE FUNCTION poison()"
    )


def renewal(customer: str, invoice_id: str) -> dict[str, object]:
    """The event that says a renewal was paid."""
    return event(
        "invoice.paid",
        invoice(id=invoice_id, customer=customer, billing_reason="subscription_cycle", status="paid", amount_paid=2400),
    )


@pytest.mark.fault(14)
async def test_an_event_that_always_crashes_is_tried_bounded_times_buried_with_its_reason_and_replayed(
    shop: Shop,
) -> None:
    await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    customer = row["stripe_customer_id"]
    await crash_on(shop, "in_poison")
    poison = renewal(customer, "in_poison")
    good = [renewal(customer, f"in_good_{number}") for number in range(20)]
    for item in [*good[:10], poison, *good[10:]]:
        assert (await shop.billing.deliver(item)).status_code == 200

    await shop.billing.process()
    # The others, claimed together with it, have had their effect at once.
    assert len(await shop.billing.facts(RECEIPT)) == len(good)
    waits = await _try_until_buried(shop)
    assert all(wait <= min(900, 2 ** (attempt - 1)) for attempt, wait in waits)
    assert sum(wait for _attempt, wait in waits) > 600, "the waits do not grow"

    stored = await shop.billing.stored(str(poison["id"]))
    assert (stored.state, stored.attempts) == ("dead", ATTEMPTS)
    listed = await shop.billing.client.get("/api/v1/staff/dead-letters/billing", headers=bearer(staff()))
    [letter] = listed.json()["data"]
    assert (letter["queue"], letter["id"], letter["state"]) == ("stripe_events", poison["id"], "dead")
    assert "this invoice is poison" in letter["last_error"]

    await shop.billing.execute("DROP TRIGGER poison ON invoices")
    path = f"/api/v1/staff/dead-letters/billing/stripe_events/{poison['id']}/replay"
    assert (await shop.billing.client.post(path, headers=bearer(staff()))).status_code == 202
    await shop.billing.process()
    assert (await shop.billing.stored(str(poison["id"]))).state == "done"
    assert len(await shop.billing.facts(RECEIPT)) == len(good) + 1


async def _try_until_buried(shop: Shop) -> list[tuple[int, float]]:
    """Lets every wait pass at once; the number of each failed attempt and the wait (seconds) it asked for."""
    waits = []
    for _attempt in range(3 * ATTEMPTS):
        waiting = await shop.billing.rows(
            "stripe_events WHERE state = 'ready'",
            "attempts, extract(epoch FROM next_attempt_at - clock_timestamp()) AS wait",
        )
        if not waiting:
            break
        waits += [(row["attempts"], float(row["wait"])) for row in waiting]
        await shop.billing.execute("UPDATE stripe_events SET next_attempt_at = now() WHERE state = 'ready'")
        await shop.billing.process()
    return waits
