"""A subscription for what renews apart is started once, and never for what ended or does not fit its payment."""

from typing import Any

import pytest

from services.billing.adapters.payments import ProviderFailure
from services.billing.use_cases import subscription_tasks
from shared.database import FailureClass
from tests.api.billing.carts import Line, cart
from tests.api.billing.conftest import Shop
from tests.support.stripe_sandbox import RunningSandbox


@pytest.mark.parametrize("kind", ["drop_after_processing", "drop_connection", "status"])
async def test_a_subscription_is_started_once_whatever_stripe_does(
    shop: Shop, sandbox: RunningSandbox, kind: str
) -> None:
    order = await (await cart(shop, sandbox, Line(), Line("year"))).pay()
    await sandbox.faults(api=[{"kind": kind, "times": 4, "match": "POST /v1/subscriptions"}])
    await order.deliver()
    for _attempt in range(6):
        await shop.billing.execute("UPDATE stripe_tasks SET next_attempt_at = now() WHERE state = 'ready'")
        await order.settle()
    assert len(await order.subscriptions()) == 2
    assert len(await order.facts("subscription.started")) == 2


async def test_a_crash_after_the_call_adopts_the_subscription_that_was_made(
    shop: Shop, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await (await cart(shop, sandbox, Line(), Line("year"))).pay()
    crashes = iter([True] * 10)  # five of each task: the last ones use another key

    def crash(point: str) -> None:
        if point == "billing.tasks.after_call" and next(crashes, False):
            raise ConnectionResetError("gone")

    monkeypatch.setattr(subscription_tasks, "reach", crash)
    await order.deliver(settled=False)
    for _attempt in range(7):
        await shop.billing.execute("UPDATE stripe_tasks SET next_attempt_at = now() WHERE state = 'ready'")
        await shop.billing.run_tasks()
    assert next(crashes, None) is None
    assert len(await order.subscriptions()) == 2


async def test_units_that_end_while_the_subscription_is_started_are_not_charged(
    shop: Shop, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers, yearly = Line(quantity=2), Line("year")
    order = await (await cart(shop, sandbox, servers, yearly)).pay()
    start = shop.billing.payments.start_subscription
    ends = iter([True])

    async def meanwhile(*given: Any, **more: Any) -> Any:
        fact = await start(*given, **more)
        if next(ends, False):
            await shop.billing.execute("UPDATE payment_group_items SET live_units = 1 WHERE quantity = 2")
            await shop.billing.execute("UPDATE payment_groups SET revision = revision + 1 WHERE interval = 'month'")
        return fact

    monkeypatch.setattr(shop.billing.payments, "start_subscription", meanwhile)
    await order.deliver()
    quantities = {
        made["items"]["data"][0]["price"]["recurring"]["interval"]: made["items"]["data"][0]["quantity"]
        for made in await order.subscriptions()
    }
    assert quantities == {"month": 1, "year": 1}


async def test_what_stripe_refuses_to_renew_waits_for_a_person_and_says_what_it_means(
    shop: Shop, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await (await cart(shop, sandbox, Line(), Line("year"))).pay()

    async def refused(*_given: Any, **_more: Any) -> Any:
        raise ProviderFailure("combining currencies on a single customer", FailureClass.PERMANENT)

    monkeypatch.setattr(shop.billing.payments, "start_subscription", refused)
    await order.deliver()
    tasks = await shop.billing.rows("stripe_tasks WHERE kind = 'start_subscription'", "state, last_error")
    assert {task["state"] for task in tasks} == {"parked"}
    assert all("which is paid and runs" in task["last_error"] for task in tasks)


@pytest.mark.fault(11)
async def test_money_that_does_not_fit_stops_what_would_charge_again(shop: Shop, sandbox: RunningSandbox) -> None:
    order = await cart(shop, sandbox, Line())
    await sandbox.faults(next_checkout={"amount": 100})
    await order.pay()
    await order.settle()
    [made] = await order.subscriptions()
    assert (made["status"], made["cancel_at_period_end"]) == ("active", True)
    assert "under review" in made["cancellation_details"]["comment"]
    assert len(await order.facts("payment.mismatched")) == 1


async def test_a_mixed_order_under_review_starts_nothing(shop: Shop, sandbox: RunningSandbox) -> None:
    order = await cart(shop, sandbox, Line(), Line("year"))
    await sandbox.faults(next_checkout={"amount": 100})
    await order.pay()
    await order.settle()
    assert await order.subscriptions() == []
    assert len(await order.facts("payment.mismatched")) == 1
