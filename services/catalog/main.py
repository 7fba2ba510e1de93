"""Composes catalog: the API and the worker."""

from fastapi import FastAPI

from services.catalog.adapters.billing import BillingCheckouts, Checkouts
from services.catalog.adapters.tables import plumbing, timers
from services.catalog.api.customer import customer_routes
from services.catalog.api.public import public_routes
from services.catalog.api.staff import staff_routes
from services.catalog.consumers import handlers
from services.catalog.domain.base import SCHEMA
from services.catalog.jobs import clock_jobs, timer_handlers
from services.catalog.product_types import load_types
from services.catalog.settings import CatalogSettings
from services.catalog.use_cases.privacy import privacy
from shared.contracts.timeouts import PAYMENT_PAGE
from shared.database import Database, DurableWorker, Listener, TimerRunner
from shared.kernel import Clock
from shared.messaging import Consumer, Outbox, Transport
from shared.web.app import create_app
from shared.web.client import http_client
from shared.web.service import Service
from shared.web.tokens import TokenSigner
from shared.web.worker import ServiceWorker


def create_service(
    settings: CatalogSettings,
    transport: Transport,
    *,
    clock: Clock | None = None,
    checkouts: Checkouts | None = None,
) -> Service:
    """Catalog, ready to run. `checkouts` replaces billing's HTTP API as the opener of payment pages."""
    types = load_types(settings.product_types)
    url = settings.database_url.get_secret_value()
    database = Database(
        url, SCHEMA, clock=clock, outbox=Outbox(plumbing.outbox_table, clock), pool_size=settings.pool_size
    )
    billing = BillingCheckouts(
        http_client(settings.billing_url, timeout=PAYMENT_PAGE, traced=True),
        TokenSigner(settings.signing_key.get_secret_value()),
    )
    listener = Listener(url, SCHEMA, "timeline")
    queues = (plumbing.outbox, plumbing.inbox, timers.queue)

    def api() -> FastAPI:
        app = create_app(
            SCHEMA,
            settings,
            database,
            routers=[
                public_routes(database, types),
                customer_routes(database, listener, checkouts or billing, types),
                staff_routes(database, types),
            ],
            idempotency_keys=plumbing.idempotency_keys,
            queues=queues,
            listener=listener,
            closing=[billing.close],
        )
        app.state.product_types = types
        return app

    worker = ServiceWorker(
        SCHEMA,
        database,
        transport,
        outbox=plumbing.outbox,
        inbox=plumbing.inbox,
        consumer=Consumer(SCHEMA, database, plumbing.inbox, handlers()),
        workers=(DurableWorker(database, timers.queue, TimerRunner(database, timers, timer_handlers()).handle),),
        clock_jobs=clock_jobs(database, plumbing),
        queues=(timers.queue,),
    )
    return Service(SCHEMA, api, worker, database, queues, privacy=privacy(database))
