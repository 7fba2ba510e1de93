"""Ten times as many forgeries as genuine deliveries."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest

from tests.api.billing.conftest import Billing
from tests.faults.intake.processes import BillingProcesses
from tests.support.stripe_payloads import event

GENUINE, FORGED = 100, 1000


@pytest.mark.fault(16)
async def test_a_flood_of_forgeries_leaves_no_row_and_every_genuine_delivery_is_acknowledged(
    billing: Billing, processes: BillingProcesses
) -> None:
    [api] = await processes.serve()
    good = [event("customer.created", {"id": "cus_1"}) for _ in range(GENUINE)]
    bad = [event("customer.created", {"id": "cus_1"}) for _ in range(FORGED)]
    refused, acknowledged = await asyncio.gather(
        _at_most(40, [lambda item=item: api.deliver(item, secret="whsec_guess") for item in bad]),  # type: ignore[misc]
        _at_most(4, [lambda item=item: api.deliver(item) for item in good]),  # type: ignore[misc]
    )
    assert [answer.status_code for answer in acknowledged] == [200] * GENUINE
    assert [answer.status_code for answer in refused] == [400] * FORGED
    assert {row["id"] for row in await billing.rows("stripe_events", "id")} == {item["id"] for item in good}


async def _at_most(width: int, calls: Sequence[Callable[[], Awaitable[httpx.Response]]]) -> list[Any]:
    """Makes all the calls, so many at a time."""
    slots = asyncio.Semaphore(width)

    async def one(call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        async with slots:
            return await call()

    return await asyncio.gather(*(one(call) for call in calls))
