"""Composes provisioning: the API and the worker."""

from services.provisioning import jobs
from services.provisioning.adapters.providers import Provider
from services.provisioning.adapters.proxmox import ProxmoxConnector
from services.provisioning.adapters.tables import JobQueue, plumbing, timers
from services.provisioning.adapters.vps import VpsConnector
from services.provisioning.api.customer import customer_routes
from services.provisioning.api.staff import staff_routes
from services.provisioning.consumers import handlers
from services.provisioning.domain.base import SCHEMA
from services.provisioning.domain.plans import PROVIDERS
from services.provisioning.settings import ProvisioningSettings
from services.provisioning.use_cases.privacy import privacy
from shared.database import Database, DurableWorker, Listener, TimerRunner
from shared.kernel import Clock
from shared.messaging import Consumer, Outbox, Transport
from shared.web.app import create_app
from shared.web.client import http_client
from shared.web.service import Service
from shared.web.worker import ServiceWorker


def create_service(
    settings: ProvisioningSettings,
    transport: Transport,
    *,
    clock: Clock | None = None,
    vps: VpsConnector | None = None,
    queue: JobQueue | None = None,
) -> Service:
    """The whole context. `vps` stands in for the Proxmox VE cluster of the settings, `queue` for the usual timing."""
    url = settings.database_url.get_secret_value()
    outbox = Outbox(plumbing.outbox_table, clock)
    database = Database(url, SCHEMA, clock=clock, outbox=outbox, pool_size=settings.pool_size)
    listener = Listener(url, SCHEMA, "timeline")
    jobs_queue = queue or JobQueue()
    queues = (plumbing.outbox, plumbing.inbox, jobs_queue, timers.queue)
    connector = vps or ProxmoxConnector(settings.proxmox(), http_client)
    providers = {PROVIDERS["vps"]: Provider(PROVIDERS["vps"], connector)}
    runner = jobs.JobRunner(database, jobs_queue, providers)
    app = create_app(
        SCHEMA,
        settings,
        database,
        routers=(customer_routes(database, listener), staff_routes(database, jobs_queue)),
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
        consumer=Consumer(SCHEMA, database, plumbing.inbox, handlers()),
        workers=(
            DurableWorker(database, jobs_queue, runner.handle, concurrency=settings.concurrency),
            DurableWorker(database, timers.queue, TimerRunner(database, timers, jobs.timer_handlers()).handle),
        ),
        clock_jobs=jobs.clock_jobs(database, jobs_queue, providers),
        queues=(jobs_queue, timers.queue),
        closing=(connector.aclose,),
    )
    return Service(SCHEMA, app, worker, database, queues, privacy=privacy(database))
