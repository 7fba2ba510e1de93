"""The same event again: at once in two processes, an hour later, after a kill. It has one effect."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.testing import eventually
from tests.api.billing.conftest import Shop, stripe_events
from tests.api.billing.pictures import opened
from tests.faults.intake.processes import BillingProcesses, killed
from tests.support.stripe_payloads import encoded, signed
from tests.support.stripe_sandbox import RunningSandbox

PAID = "billing.checkout.paid"


async def payment(shop: Shop, sandbox: RunningSandbox) -> dict[str, Any]:
    """The event that says an order of the shop's was paid; nobody has delivered it yet."""
    _order, session_id = await opened(shop)
    await sandbox.pay(session_id)
    return next(item for item in await stripe_events(sandbox) if item["type"] == "checkout.session.completed")


async def finished(shop: Shop) -> bool:
    """Whether every stored event has been processed."""
    rows = await shop.billing.rows("stripe_events", "state")
    return bool(rows) and {row["state"] for row in rows} == {"done"}


@pytest.mark.fault(1)
async def test_fifty_concurrent_duplicates_in_two_processes_have_one_effect(
    shop: Shop, sandbox: RunningSandbox, processes: BillingProcesses
) -> None:
    paid = await payment(shop, sandbox)
    apis = await processes.serve(2)
    await processes.work(2)
    answers = await asyncio.gather(*(apis[number % 2].deliver(paid) for number in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    await eventually(lambda: finished(shop), what="the event processed")
    # Fifty more, while and after the effect is there.
    again = await asyncio.gather(*(apis[number % 2].deliver(paid) for number in range(50)))
    assert {answer.status_code for answer in again} == {200}
    await eventually(lambda: finished(shop), what="the event processed")
    [row] = await shop.billing.rows("stripe_events", "id, attempts")
    assert row == {"id": paid["id"], "attempts": 1}
    assert len(await shop.billing.facts(PAID)) == 1


@pytest.mark.fault(2)
async def test_a_duplicate_signed_anew_an_hour_later_has_no_effect_on_a_paid_order(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    paid = await payment(shop, sandbox)
    await shop.billing.apply(paid)
    before = await shop.billing.rows("checkouts")
    shop.billing.clock.ahead = timedelta(hours=1)
    body = encoded(paid)
    headers = signed(body, at=shop.billing.clock.now().timestamp())
    answer = await shop.billing.client.post("/webhooks/stripe", content=body, headers=headers)
    assert answer.status_code == 200
    assert await shop.billing.process() == 0
    assert await shop.billing.rows("checkouts") == before
    assert len(await shop.billing.facts(PAID)) == 1


@pytest.mark.fault(13)
@pytest.mark.bug("polarsource/polar")
@pytest.mark.crash
async def test_a_kill_between_commit_and_answer_makes_the_repeat_a_duplicate_with_one_effect(
    shop: Shop, sandbox: RunningSandbox, processes: BillingProcesses
) -> None:
    paid = await payment(shop, sandbox)
    [doomed] = await processes.serve(EZ_CRASH_AT="billing.intake.after_commit")
    with pytest.raises(httpx.TransportError):
        await doomed.deliver(paid)
    assert await killed(doomed.process)
    # It was committed: the worker needs no second delivery, and nobody told it of the first.
    await processes.work()
    await eventually(lambda: finished(shop), what="the event processed")
    [healthy] = await processes.serve()
    assert (await healthy.deliver(paid)).status_code == 200
    await eventually(lambda: finished(shop), what="the event processed")
    [row] = await shop.billing.rows("stripe_events", "id, attempts")
    assert row == {"id": paid["id"], "attempts": 1}
    assert len(await shop.billing.facts(PAID)) == 1
