"""Subscriptions as our groups want them: started, moved, resized, ended and looked at. Each task reads what is wanted
now, calls outside any transaction, and records what Stripe answered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from services.billing.adapters.payments import PaymentProvider, ProviderFailure, SubscriptionRequest
from services.billing.domain import Checkout, PaymentGroup, Price, Subscription
from services.billing.domain.facts import Stamp, SubscriptionFact
from services.billing.domain.payment_group import per_price
from services.billing.domain.stripe_task import (
    ADJUST_SUBSCRIPTION,
    FETCH_SUBSCRIPTION,
    RESCHEDULE_SUBSCRIPTION,
    START_SUBSCRIPTION,
    STOP_SUBSCRIPTION,
)
from services.billing.domain.subscription import ENDED
from services.billing.use_cases.loading import Loader
from services.billing.use_cases.mirror_subscription import mirror_subscription
from services.billing.use_cases.payment_groups import locked_groups
from services.billing.use_cases.schedule import schedule
from shared.contracts.billing import SubscriptionRescheduled
from shared.database import Claimed, Database, DurableQueue, FailureClass, HandlingFailed, UnitOfWork
from shared.kernel.crashpoints import reach

# A key that was answered with an error repeats this error for a day, so every few attempts take the next key.
# By then an earlier request has long ended, and the look before each create finds what it made.
_ATTEMPTS_PER_KEY = 4
# Our clock may be this far ahead of the one by which Stripe dates its events.
_CLOCKS_DIFFER = timedelta(minutes=1)


def generation_of(claimed: Claimed) -> int:
    """Which idempotency key this attempt of a task uses."""
    return (claimed.attempt - 1) // _ATTEMPTS_PER_KEY


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A group as it is to be at Stripe: price id there → live units; `revision` says as of which change."""

    group: PaymentGroup
    checkout: Checkout
    units: dict[str, int]
    revision: int

    @property
    def live(self) -> dict[str, int]:
        return {price: quantity for price, quantity in self.units.items() if quantity}


class SubscriptionTasks:
    """The kinds of tasks that are about subscriptions."""

    def __init__(self, database: Database, payments: PaymentProvider, queue: DurableQueue) -> None:
        self._database = database
        self._payments = payments
        self._queue = queue
        self.kinds: dict[str, Callable[[Claimed], Awaitable[None]]] = {
            START_SUBSCRIPTION: self._start,
            RESCHEDULE_SUBSCRIPTION: self._reschedule,
            ADJUST_SUBSCRIPTION: self._adjust,
            STOP_SUBSCRIPTION: self._stop,
            FETCH_SUBSCRIPTION: self._fetch,
        }

    async def _start(self, claimed: Claimed) -> None:
        """A group whose items all run gets its subscription: one, whatever happens between."""
        wanted = await self._wanted(claimed)
        group, checkout = wanted.group, wanted.checkout
        if group.stripe_subscription_id is not None or not wanted.live:
            return await self._done(claimed)
        customer_id, session_id = checkout.stripe_customer_id, checkout.stripe_session_id
        if customer_id is None or session_id is None:
            raise HandlingFailed(f"{group.id} was never paid on a page of ours", FailureClass.NEEDS_HUMAN)
        fact = await self._payments.find_subscription(customer_id, group.id)
        if fact is None:
            request = SubscriptionRequest(
                group_id=group.id,
                order_id=group.order_id,
                order_number=checkout.order_number,
                account_id=group.account_id,
                checkout_id=checkout.id,
                customer_id=customer_id,
                session_id=session_id,
                units=wanted.live,
                first_charge_at=self._in_future(group),
            )
            fact = await self._started(request, generation_of(claimed))
        return await self._record(claimed, fact, None, wanted=wanted)

    async def _started(self, request: SubscriptionRequest, generation: int) -> SubscriptionFact:
        """What Stripe refuses for good is paid and delivered all the same, so a person must see to its renewal."""
        try:
            return await self._payments.start_subscription(request, generation=generation)
        except ProviderFailure as failure:
            if failure.failure is not FailureClass.PERMANENT:
                raise
            words = f"Stripe refused to renew {request.order_id}, which is paid and runs: {failure.reason}"
            raise HandlingFailed(words, FailureClass.NEEDS_HUMAN) from failure

    def _in_future(self, group: PaymentGroup) -> datetime | None:
        """When it charges first; None, at once, where the paid time is over already."""
        first = group.first_charge_at()
        return first if first is not None and first > self._database.clock.now() else None

    async def _reschedule(self, claimed: Claimed) -> None:
        """The next charge moves by exactly the delay, once: the note on the subscription says whether it did."""
        wanted = await self._wanted(claimed)
        subscription_id = wanted.group.stripe_subscription_id
        if subscription_id is None:
            raise HandlingFailed("the subscription is not known yet", FailureClass.TRANSIENT)
        before = await self._shown(subscription_id)
        fact = await self._payments.retrieve_subscription(subscription_id)
        if fact.status in ENDED or fact.period_end is None:
            return await self._done(claimed)
        if fact.rescheduled_to is None:
            moved = fact.period_end + timedelta(seconds=claimed.row["payload"]["seconds"])
            fact = await self._payments.move_next_charge(subscription_id, moved)
        return await self._record(claimed, fact, before, rescheduled=wanted.group.id)

    async def _adjust(self, claimed: Claimed) -> None:
        """Charges what lives; the last unit ends the subscription. What ended for good cannot be charged again."""
        wanted = await self._wanted(claimed)
        subscription_id = wanted.group.stripe_subscription_id
        if subscription_id is None:
            return await self._done(claimed)
        before = await self._shown(subscription_id)
        fact = await self._payments.retrieve_subscription(subscription_id)
        if fact.status in ENDED:
            if wanted.live:
                raise HandlingFailed(
                    f"{subscription_id} has ended, and a service of {wanted.group.order_id} was restored: nothing "
                    "charges for it until a person arranges it with the customer",
                    FailureClass.NEEDS_HUMAN,
                )
        elif wanted.live:
            fact = await self._payments.set_quantities(fact, wanted.units)
        else:
            fact = await self._payments.cancel_subscription(subscription_id)
        return await self._record(claimed, fact, before, wanted=wanted)

    async def _stop(self, claimed: Claimed) -> None:
        payload = claimed.row["payload"]
        before = await self._shown(payload["subscription_id"])
        fact = await self._payments.stop_renewing(payload["subscription_id"], payload["reason"])
        await self._record(claimed, fact, before)

    async def _fetch(self, claimed: Claimed) -> None:
        subscription_id = claimed.row["payload"]["subscription_id"]
        before = await self._shown(subscription_id)
        await self._record(claimed, await self._payments.retrieve_subscription(subscription_id), before)

    async def _shown(self, subscription_id: str) -> str | None:
        """Which event the mirror shows before Stripe is asked."""
        async with self._database.read() as session:
            found = await session.get(Subscription, subscription_id)
            return found.as_of_event if found is not None else None

    async def _wanted(self, claimed: Claimed) -> _Wanted:
        async with self._database.read() as session:
            group = await session.get(PaymentGroup, claimed.row["payload"]["group_id"])
            if group is None:
                raise HandlingFailed("the group is not known", FailureClass.PERMANENT)
            checkout = await session.get(Checkout, group.checkout_id)
            assert checkout is not None  # a foreign key holds it
            units = per_price(group.items)
            rows = await session.execute(select(Price.id, Price.stripe_price_id).where(Price.id.in_(units)))
            at_stripe = {row.id: row.stripe_price_id for row in rows}
        missing = [price for price in units if at_stripe.get(price) is None]
        if missing:
            raise HandlingFailed(f"Stripe does not know {missing[0]} yet", FailureClass.TRANSIENT)
        return _Wanted(group, checkout, {at_stripe[price]: count for price, count in units.items()}, group.revision)

    async def _done(self, claimed: Claimed) -> None:
        async with self._database.work() as work:
            await self._queue.complete(work.session, claimed)

    async def _record(
        self,
        claimed: Claimed,
        fact: SubscriptionFact,
        before: str | None,
        *,
        wanted: _Wanted | None = None,
        rescheduled: str | None = None,
    ) -> None:
        reach("billing.tasks.after_call")

        async def record(work: UnitOfWork) -> None:
            await _show(work, fact, before)
            if rescheduled is not None:
                await _tell_of_move(work, rescheduled, fact)
            if wanted is not None:
                await _again_if_outdated(work, wanted)
            await self._queue.complete(work.session, claimed)

        await self._database.run(record)


async def _show(work: UnitOfWork, fact: SubscriptionFact, before: str | None) -> None:
    """Mirrors what Stripe answered, unless an event was applied since: then the two cannot be ordered, and it is asked
    again."""
    stamp = Stamp("", "customer.subscription.fetched", work.clock.now() - _CLOCKS_DIFFER)
    loader = await Loader.of(work, [(fact, stamp)])
    shown = loader.subscriptions.get(fact.stripe_subscription_id)
    if shown is not None and shown.as_of_order >= 0 and shown.as_of_event != before:
        await schedule(
            work,
            FETCH_SUBSCRIPTION,
            f"fetch:{fact.stripe_subscription_id}:{shown.as_of_event}",
            {"subscription_id": fact.stripe_subscription_id},
        )
        return
    await mirror_subscription(work, loader, fact, stamp)


async def _tell_of_move(work: UnitOfWork, group_id: str, fact: SubscriptionFact) -> None:
    [group] = await locked_groups(work, select(PaymentGroup).where(PaymentGroup.id == group_id))
    if group.rescheduled_to is not None or fact.rescheduled_to is None:
        return
    group.rescheduled_to = fact.rescheduled_to
    work.publish(
        SubscriptionRescheduled(
            subscription_id=fact.stripe_subscription_id,
            order_id=group.order_id,
            account_id=group.account_id,
            item_ids=group.item_ids,
            period_end=fact.rescheduled_to,
            reason="delivered late",
            rescheduled_at=work.clock.now(),
        )
    )


async def _again_if_outdated(work: UnitOfWork, wanted: _Wanted) -> None:
    """Units changed while Stripe was called, and the task of that change may have run before this one."""
    [group] = await locked_groups(work, select(PaymentGroup).where(PaymentGroup.id == wanted.group.id))
    if group.revision != wanted.revision:
        key = f"adjust:{group.id}:{wanted.revision}-{group.revision}"
        await schedule(work, ADJUST_SUBSCRIPTION, key, {"group_id": group.id})
