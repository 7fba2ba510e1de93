"""Reads that no request makes: what consumers, workers and the clock ask of the database. Changes are rolled back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bench.scale.world import FIRST_SERIAL, Order, World
from services.billing.domain.facts import InvoiceFact, PaymentFact, Stamp, SubscriptionFact
from services.billing.use_cases.loading import Fact, Loader
from services.billing.use_cases.reconcile import _due_sessions
from services.billing.use_cases.record_payment import _checkout_of
from services.catalog.use_cases.expire_orders import expire_unpaid_orders
from services.catalog.use_cases.loading import locked_order
from services.identity.domain import SIGN_IN_PER_EMAIL
from services.identity.use_cases import throttling
from services.identity.use_cases.forgetting import forget_what_is_over
from services.identity.use_cases.registering import find_user
from services.provisioning.adapters.sealing import Sealer
from services.provisioning.adapters.tables import JobQueue
from services.provisioning.product_types import load_types
from services.provisioning.use_cases.deadlines import expire_overdue
from services.provisioning.use_cases.tools import Tools
from services.support.use_cases.contacts import reach_of
from services.support.use_cases.forgetting import forget_sent_mails
from shared.database import Database, UnitOfWork
from shared.web.idempotency import purge_keys
from shared.web.invariants import Invariant, PromiseWatch

QUEUES = {
    "identity": ("outbox",),
    "catalog": ("outbox", "inbox"),
    "billing": ("outbox", "inbox", "stripe_events", "stripe_tasks"),
    "provisioning": ("outbox", "inbox", "jobs"),
    "support": ("inbox", "notifications"),
}


BATCH = 20  # orders, each with three facts
TOOLS = Tools(JobQueue(), load_types("vps"), Sealer([]), timedelta(days=7))
WATCHED = ("identity", "catalog", "billing", "provisioning", "support")


async def rolled_back(world: World, service: str, once: Callable[[AsyncSession], Awaitable[Any]]) -> None:
    """Runs `once` in a transaction that leaves nothing behind."""
    async with world.services[service].database.read() as session:
        await once(session)
        await session.rollback()


def _use_case(
    service: str, name: str, call: Callable[[UnitOfWork, World], Awaitable[Any]]
) -> tuple[str, str, Callable[[World], Awaitable[None]]]:
    async def run(world: World) -> None:
        database = world.services[service].database

        async def once(session: AsyncSession) -> None:
            await call(UnitOfWork(session, database.clock, None), world)

        await rolled_back(world, service, once)

    return service, name, run


def _attempt(order: Order) -> PaymentFact:
    return PaymentFact(
        reference="ch_new",
        payment_intent_id="pi_new",
        customer_id=order.stripe_customer,
        status="failed",
        amount_minor=900,
        currency="EUR",
        refunded_minor=0,
        failure_code="card_declined",
        order_hint=None,
        order_reference=order.session,
    )


def _forget(
    service: str, name: str, call: Callable[[Database], Awaitable[object]]
) -> tuple[str, str, Callable[[World], Awaitable[None]]]:
    """Forgets in transactions of its own, where nothing is old enough yet."""

    async def run(world: World) -> None:
        await call(world.services[service].database)

    return service, name, run


def _purge_keys(service: str) -> tuple[str, str, Callable[[World], Awaitable[None]]]:
    async def run(world: World) -> None:
        found = world.services[service]
        await purge_keys(found.database, found.app.state.idempotency_keys)

    return service, "idempotency keys: a purge with nothing to purge", run


def promises() -> list[tuple[str, str, Callable[[World], Awaitable[None]]]]:
    """The queries behind the promises, each by itself."""
    found = []
    for service in WATCHED:
        for invariant in import_module(f"services.{service}.use_cases.promises").INVARIANTS:

            async def look(world: World, service: str = service, invariant: Invariant = invariant) -> None:
                await PromiseWatch(service, world.services[service].database, [invariant]).look()

            found.append((service, f"promise {invariant.promise} {invariant.name}", look))
    return found


async def _whole_order(work: UnitOfWork, world: World) -> None:
    await locked_order(work, world.order().id)


async def _batch_loaded(work: UnitOfWork, world: World) -> None:
    stamp = Stamp("evt_new", "invoice.updated", datetime.now(UTC))
    orders = [world.order() for _ in range(BATCH)]
    await Loader.of(work, [(fact, stamp) for order in orders for fact in _told_of(order, stamp.created)])


def _told_of(order: Order, now: datetime) -> list[Fact]:
    """What Stripe would say of an order that was paid long ago."""
    number = int(order.number.removeprefix("EZ-")) - FIRST_SERIAL
    invoice = InvoiceFact(
        stripe_invoice_id=f"in_{number:022d}",
        customer_id=order.stripe_customer,
        status="paid",
        reason="subscription_create",
        number=f"EZ-INV-{number}",
        total_minor=900,
        amount_paid_minor=900,
        currency="EUR",
        attempts=1,
        subscription_id=order.subscription,
        order_hint=None,
        created_at=now,
        paid_at=now,
        hosted_invoice_url=None,
        pdf_url=None,
    )
    subscription = SubscriptionFact(order.subscription, order.stripe_customer, "active", now, False, order.id)
    payment = replace(_attempt(order), reference=f"ch_{number:022d}", status="succeeded", failure_code=None)
    return [invoice, subscription, payment]


async def _sign_in(work: UnitOfWork, world: World) -> None:
    email = world.order().email
    await throttling.admit(work, SIGN_IN_PER_EMAIL, email)
    await find_user(work, email)


CALLS = [
    _use_case("identity", "a sign-in counted, its person found", _sign_in),
    _forget("identity", "what is over, forgotten", forget_what_is_over),
    _use_case("catalog", "an order loaded to be changed", _whole_order),
    _use_case("catalog", "unpaid orders, expired", lambda work, _world: expire_unpaid_orders(work)),
    _use_case("billing", "what a batch of events is about", _batch_loaded),
    _use_case("billing", "the checkout of a payment", lambda work, world: _checkout_of(work, _attempt(world.order()))),
    _use_case("billing", "sessions the reconciler looks at", lambda work, _world: _due_sessions(work)),
    _use_case("provisioning", "jobs past their deadline", lambda work, _world: expire_overdue(work, TOOLS)),
    _use_case("support", "whom to write to", lambda work, world: reach_of(work, world.order().account)),
    _forget("support", "sent mails, forgotten", forget_sent_mails),
    *(_purge_keys(service) for service in ("identity", "catalog")),
]
