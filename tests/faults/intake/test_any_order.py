"""Whatever order a purchase's events arrive in, and however often: the same final state."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kernel import encode_id
from tests.api.billing.conftest import Order, Shop, stripe_events
from tests.api.billing.pictures import forget, opened, picture
from tests.support.stripe_sandbox import RunningSandbox

Event = dict[str, Any]
_MANY_ORDERS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    # Billing is taken back to its beginning before every example.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def arrivals(draw: st.DrawFn, size: int) -> list[list[int]]:
    """All of `size` events in some order, some of them again, and where among them the worker runs."""
    order = draw(st.permutations(range(size)))
    for again in draw(st.lists(st.integers(0, size - 1), max_size=6)):
        order.insert(draw(st.integers(0, len(order))), again)
    batches: list[list[int]] = [[]]
    for number in order:
        batches[-1].append(number)
        if draw(st.booleans()):
            batches.append([])
    return batches


async def arrive(shop: Shop, events: list[Event], batches: list[list[int]]) -> None:
    """Delivers each batch at once and then lets the worker run."""
    for batch in batches:
        for number in batch:
            assert (await shop.billing.deliver(events[number])).status_code == 200
        await shop.billing.process()


async def told(shop: Shop) -> dict[str, Any]:
    """What billing knows and has told, without what depends on the moment by its meaning: a refusal is news only
    while the order is unpaid."""
    seen = await picture(shop)
    kinds = await shop.billing.rows("outbox", "type")
    assert sum(row["type"].startswith("billing.payment.failed") for row in kinds) <= 1
    seen["facts"] = [fact for fact in seen["facts"] if "failed_at" not in fact and "code" not in fact]
    return {name: sorted(map(str, rows)) for name, rows in seen.items()}


async def a_purchase(shop: Shop, sandbox: RunningSandbox) -> tuple[Order, list[Event]]:
    """Every event of a refused card, a payment, a renewal and a refund, as Stripe made them."""
    order, session_id = await opened(shop)
    await sandbox.pay(session_id, "decline")
    await sandbox.pay(session_id)
    subscriptions = await sandbox.stripe.v1.subscriptions.list_async({"limit": 1})
    renewed = await sandbox.control.post(f"/_sandbox/subscriptions/{subscriptions.data[0].id}/renew", json={})
    renewed.raise_for_status()
    charges = await sandbox.stripe.v1.charges.list_async({"limit": 1})
    await sandbox.stripe.v1.refunds.create_async({"charge": charges.data[0].id, "amount": 500})
    kinds = ("checkout.", "customer.subscription.", "invoice.", "charge.", "payment_intent.")
    return order, [item for item in await stripe_events(sandbox) if item["type"].startswith(kinds)]


@pytest.mark.fault(10)
async def test_a_purchase_s_events_in_any_order_and_repeated_lead_to_the_same_final_state(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    order, events = await a_purchase(shop, sandbox)
    assert len(events) >= 15
    await forget(shop)
    await arrive(shop, events, [[number] for number in range(len(events))])
    expected = await told(shop)
    [checkout] = await shop.billing.rows("checkouts", "status, order_id")
    assert (checkout["status"], encode_id("ord", checkout["order_id"])) == ("paid", order.order_id)
    assert len(expected["facts"]) == 5, "one payment, two receipts, a subscription that started and was renewed once"

    async def any_order(batches: list[list[int]]) -> None:
        kinds = [[events[number]["type"] for number in batch] for batch in batches]
        await forget(shop)
        await arrive(shop, events, batches)
        unfinished = await shop.billing.rows("stripe_events WHERE state <> 'done'", "type, state, last_error")
        assert unfinished == []
        assert await told(shop) == expected, kinds

    await _for_all(any_order, len(events))


async def _for_all(check: Callable[[list[list[int]]], Coroutine[Any, Any, None]], size: int) -> None:
    """Runs an asynchronous property within the loop that holds the connections."""
    loop = asyncio.get_running_loop()

    @_MANY_ORDERS
    @given(arrivals(size))
    def property_holds(batches: list[list[int]]) -> None:
        asyncio.run_coroutine_threadsafe(check(batches), loop).result(60)

    await asyncio.to_thread(property_holds)
