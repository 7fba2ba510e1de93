"""Carries out what was wanted of Stripe: call outside any transaction, then record, publish and complete in one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.billing.adapters.payments import CustomerDetails, PaymentProvider, PriceDetails, ProductDetails
from services.billing.domain import Payer, Plan, Price, StripeTask
from services.billing.domain.stripe_task import ENSURE_CUSTOMER, EXPIRE_SESSION, SYNC_PLAN
from services.billing.use_cases.settle_checkout import apply_session
from shared.contracts.billing import PriceSynced
from shared.database import Claimed, Database, DurableQueue, FailureClass, HandlingFailed, UnitOfWork
from shared.kernel import new_id
from shared.kernel.crashpoints import reach
from shared.telemetry.tracing import current_traceparent

log = structlog.get_logger()

# A key that was answered with an error repeats this error for a day, so every few attempts take the next key.
# By then an earlier request has long ended, and the look before each create finds what it made.
_ATTEMPTS_PER_KEY = 4
# Seconds for all calls of one task; its lease is renewed meanwhile.
_PATIENCE = 100.0


async def schedule(work: UnitOfWork, kind: str, key: str, payload: dict[str, Any]) -> None:
    """Wants something of Stripe, once per `key`."""
    added = await work.session.execute(
        insert(StripeTask)
        .values(id=new_id("tsk"), kind=kind, key=key, payload=payload, trace=current_traceparent())
        .on_conflict_do_nothing(index_elements=[StripeTask.key])
        .returning(StripeTask.id)
    )
    if added.first() is not None:
        work.wake("stripe_tasks")


def customer_details(payer: Payer) -> CustomerDetails:
    """The account as Stripe shall know it; always the same, because the payer's row never changes."""
    return CustomerDetails(account_id=payer.account_id, email=payer.email, name=payer.account_name or payer.name)


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
            customer_id = await self._payments.ensure_customer(customer_details(payer), generation=_generation(claimed))
        reach("billing.tasks.after_call")
        found = customer_id

        async def record(work: UnitOfWork) -> None:
            await record_customer(work, account_id, found)
            await self._queue.complete(work.session, claimed)

        await self._database.run(record)

    async def _sync_plan(self, claimed: Claimed) -> None:
        payload, generation = claimed.row["payload"], _generation(claimed)
        async with self._database.read() as session:
            plan = await session.get(Plan, payload["plan_id"])
            prices = list((await session.execute(select(Price).where(Price.id.in_(payload["price_ids"])))).scalars())
        if plan is None:
            raise HandlingFailed("the plan is not known", FailureClass.PERMANENT)
        product_id = await self._payments.ensure_product(
            ProductDetails(plan.id, plan.name, plan.description), generation=generation
        )
        synced = {price.id: await self._ensure_price(price, product_id, generation) for price in prices}
        reach("billing.tasks.after_call")

        async def record(work: UnitOfWork) -> None:
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
            await self._queue.complete(work.session, claimed)

        await self._database.run(record)

    async def _ensure_price(self, price: Price, product_id: str, generation: int) -> str:
        if price.stripe_price_id is not None:
            return price.stripe_price_id
        if price.problem is not None:
            raise HandlingFailed(f"{price.id}: {price.problem}", FailureClass.NEEDS_HUMAN)
        details = PriceDetails(price.id, product_id, price.currency, price.interval, price.amount_minor)
        return await self._payments.ensure_price(details, generation=generation)

    async def _expire_session(self, claimed: Claimed) -> None:
        opened = await self._payments.expire_session(claimed.row["payload"]["session_id"])
        reach("billing.tasks.after_call")

        async def record(work: UnitOfWork) -> None:
            applied = await apply_session(work, opened.fact)
            log.info("session_closed", order_id=applied.order_id, outcome=applied.outcome)
            await self._queue.complete(work.session, claimed)

        await self._database.run(record)


def _generation(claimed: Claimed) -> int:
    return (claimed.attempt - 1) // _ATTEMPTS_PER_KEY
