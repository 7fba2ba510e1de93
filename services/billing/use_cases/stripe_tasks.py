"""Carries out what was wanted of Stripe: call outside any transaction, then record, publish and complete in one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from sqlalchemy import select

from services.billing.adapters.payments import (
    CustomerDetails,
    PaymentProvider,
    PriceDetails,
    ProductDetails,
    ProviderFailure,
)
from services.billing.domain import Payer, Plan, Price
from services.billing.domain.interval import UnknownInterval, recurrence_of
from services.billing.domain.stripe_task import ENSURE_CUSTOMER, EXPIRE_SESSION, SYNC_PLAN
from services.billing.use_cases.settle_checkout import apply_session
from services.billing.use_cases.subscription_tasks import SubscriptionTasks, generation_of
from shared.contracts.billing import PriceSynced
from shared.database import Claimed, Database, DurableQueue, FailureClass, HandlingFailed, UnitOfWork
from shared.kernel.crashpoints import reach

log = structlog.get_logger()

# Seconds for all calls of one task; its lease is renewed meanwhile.
_PATIENCE = 100.0


def customer_details(payer: Payer) -> CustomerDetails:
    """The account as Stripe shall know it; always the same for one customer, so that its creation can be repeated."""
    return CustomerDetails(
        account_id=payer.account_id,
        email=payer.email,
        name=payer.account_name or payer.name,
        number=payer.customer_generation,
    )


async def record_customer(work: UnitOfWork, account_id: str, customer_id: str) -> None:
    """Stripe knows the account by this id."""
    statement = select(Payer).where(Payer.account_id == account_id).with_for_update()
    payer = await work.one(statement, "There is no such payer.")
    payer.become_customer(customer_id)


class TaskRunner:
    """Runs claimed tasks."""

    def __init__(self, database: Database, payments: PaymentProvider, queue: DurableQueue) -> None:
        self._database = database
        self._payments = payments
        self._queue = queue
        self._kinds: dict[str, Callable[[Claimed], Awaitable[None]]] = {
            ENSURE_CUSTOMER: self._ensure_customer,
            SYNC_PLAN: self._sync_plan,
            EXPIRE_SESSION: self._expire_session,
            **SubscriptionTasks(database, payments, queue).kinds,
        }

    async def handle(self, claimed: Claimed) -> None:
        """Carries out one task. Raises HandlingFailed (a ProviderFailure, mostly) when it could not be done."""
        kind = self._kinds.get(claimed.row["kind"])
        if kind is None:
            raise HandlingFailed(f"unknown kind {claimed.row['kind']}", FailureClass.PERMANENT)
        async with asyncio.timeout(_PATIENCE):
            await kind(claimed)

    async def _ensure_customer(self, claimed: Claimed) -> None:
        account_id = claimed.row["payload"]["account_id"]
        async with self._database.read() as session:
            payer = await session.get(Payer, account_id)
        if payer is None:
            raise HandlingFailed("the account is not known", FailureClass.PERMANENT)
        customer_id = payer.stripe_customer_id
        if customer_id is None:
            customer_id = await self._payments.ensure_customer(
                customer_details(payer), generation=generation_of(claimed)
            )
        reach("billing.tasks.after_call")
        found = customer_id

        async def record(work: UnitOfWork) -> None:
            await record_customer(work, account_id, found)
            await self._queue.complete(work.session, claimed)

        await self._database.run(record)

    async def _sync_plan(self, claimed: Claimed) -> None:
        payload, generation = claimed.row["payload"], generation_of(claimed)
        async with self._database.read() as session:
            plan = await session.get(Plan, payload["plan_id"])
            prices = list((await session.execute(select(Price).where(Price.id.in_(payload["price_ids"])))).scalars())
        if plan is None:
            raise HandlingFailed("the plan is not known", FailureClass.PERMANENT)
        product_id = await self._payments.ensure_product(
            ProductDetails(plan.id, plan.name, plan.description), generation=generation
        )
        found: dict[str, str] = {}
        refused: list[HandlingFailed] = []
        for price in prices:
            try:
                found[price.id] = await self._ensure_price(price, product_id, generation)
            except HandlingFailed as failure:  # its neighbours can be sold all the same
                refused.append(failure)
        # An attempt after the first tells only of what it added.
        news = [price for price in prices if claimed.attempt == 1 or price.stripe_price_id is None]
        reach("billing.tasks.after_call")

        async def record(work: UnitOfWork) -> None:
            told = {price.id: found[price.id] for price in news if price.id in found}
            await _record_prices(work, payload, product_id, told)
            if not refused:
                await self._queue.complete(work.session, claimed)

        await self._database.run(record)
        if refused:
            raise _combined(refused)

    async def _ensure_price(self, price: Price, product_id: str, generation: int) -> str:
        if price.stripe_price_id is not None:
            return price.stripe_price_id
        if price.problem is not None:
            raise HandlingFailed(f"{price.id}: {price.problem}", FailureClass.NEEDS_HUMAN)
        try:
            recurrence = recurrence_of(price.interval)
        except UnknownInterval as error:
            raise HandlingFailed(f"{price.id}: {error}", FailureClass.PERMANENT) from error
        details = PriceDetails(price.id, product_id, price.currency, recurrence, price.amount_minor)
        try:
            return await self._payments.ensure_price(details, generation=generation)
        except ProviderFailure as failure:
            reason = f"{price.id}: {failure.reason}"
            raise HandlingFailed(reason, failure.failure, retry_after=failure.retry_after) from failure

    async def _expire_session(self, claimed: Claimed) -> None:
        opened = await self._payments.expire_session(claimed.row["payload"]["session_id"])
        reach("billing.tasks.after_call")

        async def record(work: UnitOfWork) -> None:
            applied = await apply_session(work, opened.fact)
            log.info("session_closed", order_id=applied.order_id, outcome=applied.outcome)
            await self._queue.complete(work.session, claimed)

        await self._database.run(record)


async def _record_prices(work: UnitOfWork, payload: dict[str, Any], product_id: str, synced: dict[str, str]) -> None:
    rows = select(Price).where(Price.id.in_(synced)).order_by(Price.id).with_for_update()
    for price in (await work.session.execute(rows)).scalars():
        price.stripe_price_id = synced[price.id]
        work.publish(
            PriceSynced(
                price_id=price.id,
                plan_id=payload["plan_id"],
                plan_version=payload["version"],
                stripe_product_id=product_id,
                stripe_price_id=synced[price.id],
            )
        )


def _combined(failures: Sequence[HandlingFailed]) -> HandlingFailed:
    """One failure for several: worth another try as long as one of them is, with every reason."""
    best = next((failure for failure in failures if failure.failure is not FailureClass.PERMANENT), failures[0])
    reasons = "; ".join(failure.reason for failure in failures)
    return HandlingFailed(reasons, best.failure, retry_after=best.retry_after)
