"""Composes provisioning: the API and the worker."""

from fastapi import FastAPI

from services.provisioning import jobs
from services.provisioning.adapters.capabilities import VpsConnector
from services.provisioning.adapters.connectors import BUILT_IN
from services.provisioning.adapters.providers import ProviderPool
from services.provisioning.adapters.tables import JobQueue, plumbing, timers
from services.provisioning.api.customer import customer_routes
from services.provisioning.api.providers import provider_routes
from services.provisioning.api.staff import staff_routes
from services.provisioning.api.switches import switch_routes
from services.provisioning.consumers import handlers
from services.provisioning.domain.base import SCHEMA
from services.provisioning.product_types import load_types
from services.provisioning.settings import ProvisioningSettings
from services.provisioning.use_cases.privacy import privacy
from services.provisioning.use_cases.tools import Tools
from shared.database import Database, DurableWorker, Listener, TimerRunner
from shared.kernel import Clock
from shared.messaging import Consumer, Outbox, Transport
from shared.web.app import create_app
from shared.web.service import Service
from shared.web.worker import ServiceWorker


def tools_of(settings: ProvisioningSettings, queue: JobQueue | None = None) -> Tools:
    """What use cases are given; `queue` stands in for the usual timing."""
    types = load_types(settings.product_types)
    return Tools(queue or JobQueue(), types, settings.sealer(), settings.termination_grace)


def pool_of(
    settings: ProvisioningSettings, database: Database, tools: Tools, vps: VpsConnector | None = None
) -> ProviderPool:
    """Connectors of every kind there is; `vps` stands in for all of kind `proxmox`."""
    kinds = {**BUILT_IN, **tools.types.connectors}
    if vps is not None:
        kinds["proxmox"] = lambda _place: vps
    return ProviderPool(database, kinds, settings.secret_refs(), production=settings.environment == "production")


def create_service(
    settings: ProvisioningSettings,
    transport: Transport,
    *,
    clock: Clock | None = None,
    vps: VpsConnector | None = None,
    queue: JobQueue | None = None,
) -> Service:
    """The whole context. `vps` stands in for every Proxmox VE cluster, `queue` for the usual timing."""
    url = settings.database_url.get_secret_value()
    outbox = Outbox(plumbing.outbox_table, clock)
    database = Database(url, SCHEMA, clock=clock, outbox=outbox, pool_size=settings.pool_size)
    listener = Listener(url, SCHEMA, "timeline")
    tools = tools_of(settings, queue)
    pool = pool_of(settings, database, tools, vps)
    runner = jobs.JobRunner(database, tools, pool)
    queues = (plumbing.outbox, plumbing.inbox, tools.queue, timers.queue)

    def api() -> FastAPI:
        return create_app(
            SCHEMA,
            settings,
            database,
            routers=(
                customer_routes(database, listener, tools),
                staff_routes(database, tools),
                provider_routes(database, tools, pool),
                switch_routes(database, tools),
            ),
            idempotency_keys=plumbing.idempotency_keys,
            queues=queues,
            listener=listener,
        )

    worker = ServiceWorker(
        SCHEMA,
        database,
        transport,
        outbox=plumbing.outbox,
        inbox=plumbing.inbox,
        consumer=Consumer(SCHEMA, database, plumbing.inbox, handlers(tools)),
        workers=(
            DurableWorker(database, tools.queue, runner.handle, concurrency=settings.concurrency),
            DurableWorker(database, timers.queue, TimerRunner(database, timers, jobs.timer_handlers()).handle),
        ),
        clock_jobs=jobs.clock_jobs(
            database, tools, pool, settings.first_provider(), follow=settings.environment == "local"
        ),
        queues=(tools.queue, timers.queue),
        closing=(pool.aclose,),
    )
    return Service(SCHEMA, api, worker, database, queues, privacy=privacy(database))
