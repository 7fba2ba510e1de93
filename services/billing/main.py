"""Composes billing: the API and the worker."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI

from services.billing.adapters.intake import EventStore, Intake
from services.billing.adapters.payments import PaymentProvider
from services.billing.adapters.stripe import SignatureVerifier, StripePayments, make_client
from services.billing.adapters.tables import plumbing
from services.billing.api.customer import customer_routes
from services.billing.api.internal import internal_routes
from services.billing.api.ledger import ledger_routes
from services.billing.api.staff import staff_routes
from services.billing.api.webhooks import StripeWebhook, webhook_route
from services.billing.consumers import handlers
from services.billing.domain import event_queue, task_queue
from services.billing.domain.base import SCHEMA
from services.billing.jobs import EventProcessor, clock_jobs
from services.billing.settings import BillingSettings
from services.billing.use_cases.move_clock import ClockDesk
from services.billing.use_cases.open_checkout import CheckoutDesk
from services.billing.use_cases.privacy import privacy
from services.billing.use_cases.promises import promise_watch
from services.billing.use_cases.reconcile import Reconciler
from services.billing.use_cases.stripe_tasks import TaskRunner
from shared.database import BatchWorker, Database, DurableWorker
from shared.kernel import Clock, SystemClock
from shared.messaging import Consumer, Outbox, Transport
from shared.web.app import create_app
from shared.web.service import Service
from shared.web.worker import ServiceWorker


def create_service(
    settings: BillingSettings,
    transport: Transport,
    *,
    clock: Clock | None = None,
    payments: PaymentProvider | None = None,
) -> Service:
    """Billing over this transport. `payments` replaces Stripe; the clock is the system's unless given."""
    time = clock or SystemClock()
    address = settings.database_url.get_secret_value()
    outbox = Outbox(plumbing.outbox_table, time)
    database = Database(address, SCHEMA, clock=time, outbox=outbox, pool_size=settings.pool_size)
    provider = payments or StripePayments(
        *make_client(settings.stripe_secret_key.get_secret_value(), settings.stripe_api_base),
        test_clocks=settings.test_clocks,
    )
    intake_store, sweep_store = EventStore(address), EventStore(address)
    intake = Intake(intake_store, lambda: database.notifier.poke("stripe_events"))
    closing: list[Callable[[], Awaitable[None]]] = [intake.close, sweep_store.close, provider.close]
    events, tasks = event_queue(), task_queue()
    webhook = StripeWebhook(intake, SignatureVerifier(settings.webhook_secrets, time), livemode=settings.livemode)

    def api() -> FastAPI:
        return create_app(
            SCHEMA,
            settings,
            database,
            routers=[
                customer_routes(database),
                staff_routes(database, ClockDesk(database, provider, allowed=settings.test_clocks)),
                ledger_routes(database),
                internal_routes(CheckoutDesk(database, provider, settings.public_url)),
            ],
            hot_routes=[webhook_route(webhook)],
            idempotency_keys=plumbing.idempotency_keys,
            queues=[plumbing.outbox, plumbing.inbox, events, tasks],
            closing=closing,
        )

    reconciler = Reconciler(database, provider, sweep_store, livemode=settings.livemode)
    processor = EventProcessor(database, events, provider)
    worker = ServiceWorker(
        SCHEMA,
        database,
        transport,
        outbox=plumbing.outbox,
        inbox=plumbing.inbox,
        consumer=Consumer(SCHEMA, database, plumbing.inbox, handlers()),
        workers=[
            BatchWorker(database, events, processor.handle_batch, processor.handle, batch=256),
            DurableWorker(database, tasks, TaskRunner(database, provider, tasks).handle, concurrency=4),
        ],
        clock_jobs=[
            *clock_jobs(database, reconciler, [events, tasks]),
            promise_watch(database, provider, livemode=settings.livemode).job(),
        ],
        queues=[events, tasks],
    )
    queues = (plumbing.outbox, plumbing.inbox, events, tasks)
    return Service(SCHEMA, api, worker, database, queues, privacy=privacy(database))
