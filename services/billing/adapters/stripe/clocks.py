"""Test clocks (https://docs.stripe.com/billing/testing/test-clocks): a customer's time, moved by hand in test mode."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from services.billing.adapters.payments import ProviderFailure
from services.billing.adapters.stripe.sdk import StripeClient, call, key_of
from shared.database import FailureClass
from shared.kernel.calendar import occurrence

_LOOKED_THROUGH = 100
# Stripe moves a clock two intervals of its shortest subscription at most, and two years without one
# (https://docs.stripe.com/api/test_clocks/advance).
_INTERVALS = 2
_WITHOUT_SUBSCRIPTION = timedelta(days=2 * 365)
# Less than the delay by which a delivery counts as late.
_MAY_LAG = timedelta(minutes=10)
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 2.0


class ClockCalls:
    """The part of a PaymentProvider that moves a customer's time."""

    def __init__(self, client: StripeClient) -> None:
        self._v1 = client.v1

    async def advance_clock(self, customer_id: str, to: datetime) -> datetime:
        """Step by step, each as far as Stripe allows, each awaited. A time that has passed changes nothing."""
        clock_id = await self._clock_of(customer_id)
        if clock_id is None:
            raise ProviderFailure(f"{customer_id} has no test clock", FailureClass.PERMANENT)
        return await self._advance(customer_id, clock_id, to)

    async def keep_up(self, customer_id: str) -> None:
        """Brings a clock that fell behind to the present: a test clock stands still, and whoever buys does so now."""
        clock_id, present = await self._clock_of(customer_id), datetime.now(UTC)
        if clock_id is not None and await self._ready(clock_id) < present - _MAY_LAG:
            await self._advance(customer_id, clock_id, present)

    async def _clock_of(self, customer_id: str) -> str | None:
        customer = await call(self._v1.customers.retrieve_async(customer_id))
        clock_id = customer.to_dict().get("test_clock")
        return clock_id if isinstance(clock_id, str) else None

    async def _advance(self, customer_id: str, clock_id: str, to: datetime) -> datetime:
        now = await self._ready(clock_id)
        if to.microsecond:  # Stripe's time is whole seconds
            to = to.replace(microsecond=0) + timedelta(seconds=1)
        while now < to:
            step = min(to, await self._farthest(customer_id, now))
            await call(
                self._v1.test_helpers.test_clocks.advance_async(clock_id, params={"frozen_time": int(step.timestamp())})
            )
            now = await self._ready(clock_id)
        return now

    async def _ready(self, clock_id: str) -> datetime:
        """The clock's time once it stands still."""
        wait = _FIRST_WAIT
        while True:
            clock = await call(self._v1.test_helpers.test_clocks.retrieve_async(clock_id))
            if clock.status == "ready":
                return datetime.fromtimestamp(clock.frozen_time, UTC)
            if clock.status != "advancing":
                raise ProviderFailure(f"test clock {clock_id} is {clock.status}", FailureClass.PERMANENT)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _farthest(self, customer_id: str, now: datetime) -> datetime:
        page = await call(self._v1.subscriptions.list_async(params={"customer": customer_id, "limit": _LOOKED_THROUGH}))
        steps = [
            _two_of(item["price"]["recurring"], now)
            async for subscription in page.auto_paging_iter()
            for item in subscription.to_dict()["items"]["data"]
        ]
        return min(steps, default=now + _WITHOUT_SUBSCRIPTION)

    async def clock_named(self, name: str) -> str:
        """The test clock of this name: one made earlier, or a new one that shows the real time."""
        page = await call(self._v1.test_helpers.test_clocks.list_async(params={"limit": _LOOKED_THROUGH}))
        async for clock in page.auto_paging_iter():
            if clock.name == name:
                return clock.id
        made = await call(
            self._v1.test_helpers.test_clocks.create_async(
                params={"frozen_time": int(datetime.now(UTC).timestamp()), "name": name},
                options=key_of(name, "clock"),
            )
        )
        return made.id


def _two_of(recurring: dict[str, Any], now: datetime) -> datetime:
    return occurrence(now, recurring["interval"], _INTERVALS * int(recurring["interval_count"]))
