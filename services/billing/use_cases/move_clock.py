"""Test mode only: an account's time is moved forward, here, at Stripe, and in every service with timers.

Stripe first, outside any transaction, then the offset with the fact in one commit. A crash in between leaves Stripe
ahead; the next move finds its clock where it stands.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.billing.adapters.payments import PaymentProvider, ProviderFailure
from services.billing.adapters.tables import clocks
from services.billing.domain import Payer
from shared.contracts.billing import ClockMoved
from shared.database import Database, FailureClass, UnitOfWork
from shared.kernel import Conflict, FieldError, Invalid, NotFound, Unavailable

# What Stripe has to live through on the way takes its time: it moves two billing intervals per call.
_PATIENCE = 120.0
# Ahead of real time. Far enough for any term that is sold.
FARTHEST = timedelta(days=10 * 366)


@dataclass(frozen=True, slots=True)
class BusinessTime:
    """What time it is in an account's business, and how far (seconds) that is ahead of real time."""

    account_id: str
    offset_seconds: int
    business_now: datetime


class ClockDesk:
    """Moves clocks, where that is `allowed`."""

    def __init__(self, database: Database, payments: PaymentProvider, *, allowed: bool) -> None:
        self._database = database
        self._payments = payments
        self._allowed = allowed

    async def advance(self, account_id: str, by: timedelta) -> BusinessTime:
        """Moves the account's time forward by this much. Raises as `move` does."""
        return await self.move(account_id, await self._now(account_id) + by)

    async def move(self, account_id: str, to: datetime) -> BusinessTime:
        """Moves the account's time forward to this moment.

        Raises Conflict outside test mode or before Stripe knows the account, NotFound for an account billing does not
        know, Invalid for a moment that is not ahead or too far ahead, Unavailable when Stripe could not be moved now.
        """
        customer_id = await self._customer(account_id)
        if to <= await self._now(account_id):
            detail = "Business time moves only forward."
            raise Invalid(detail, slug="not-forward", errors=(FieldError("/to", detail),))
        if to > self._database.clock.now() + FARTHEST:
            detail = f"Business time may be {FARTHEST.days} days ahead of real time, and no more."
            raise Invalid(detail, slug="too-far", errors=(FieldError("/to", detail),))
        try:
            async with asyncio.timeout(_PATIENCE):
                reached = await self._payments.advance_clock(customer_id, to)
        except ProviderFailure as failure:
            if failure.failure is FailureClass.PERMANENT:
                raise Conflict(failure.reason, slug="clock-not-moved") from failure
            raise Unavailable("Stripe's clock could not be moved yet.", slug="payments-away") from failure
        except TimeoutError as late:
            raise Unavailable("Stripe's clock is still on its way.", slug="payments-away") from late
        return await self._database.run(lambda work: _record(work, account_id, max(to, reached)))

    async def _customer(self, account_id: str) -> str:
        if not self._allowed:
            raise Conflict("Time can be moved in test mode only (BILLING_TEST_CLOCKS).", slug="test-mode-only")
        async with self._database.read() as session:
            payer = await session.get(Payer, account_id)
        if payer is None:
            raise NotFound("There is no such account.")
        if payer.stripe_customer_id is None:
            raise Conflict("Stripe does not know this account yet. Try again in a moment.", slug="customer-not-synced")
        return payer.stripe_customer_id

    async def _now(self, account_id: str) -> datetime:
        async with self._database.read() as session:
            return self._database.clock.now() + await clocks.offset(session, account_id)


async def _record(work: UnitOfWork, account_id: str, to: datetime) -> BusinessTime:
    now = work.clock.now()
    offset = max(0, round((to - now).total_seconds()))
    if await clocks.move(work, account_id, offset, now):
        work.publish(ClockMoved(account_id=account_id, offset_seconds=offset, moved_at=now))
    held = await clocks.offset(work.session, account_id)
    return BusinessTime(account_id, round(held.total_seconds()), now + held)
