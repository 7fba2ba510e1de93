"""Composes support: the API and the worker."""

from fastapi import FastAPI

from services.support.adapters.identity import IdentityLinks
from services.support.adapters.rendering import Renderer
from services.support.adapters.smtp import SmtpMailer
from services.support.adapters.tables import notifications, plumbing
from services.support.api.customer import customer_routes
from services.support.api.staff import staff_routes
from services.support.consumers import handlers
from services.support.domain.base import SCHEMA
from services.support.jobs import clock_jobs
from services.support.settings import SupportSettings
from services.support.use_cases.notifying import MailSender
from services.support.use_cases.privacy import privacy
from shared.database import Database, DurableWorker
from shared.kernel import Clock
from shared.messaging import Consumer, Outbox, Transport
from shared.web.app import create_app
from shared.web.service import Service
from shared.web.tokens import TokenSigner
from shared.web.worker import ServiceWorker


def create_service(settings: SupportSettings, transport: Transport, *, clock: Clock | None = None) -> Service:
    """Support, ready to run."""
    database = Database(
        settings.database_url.get_secret_value(),
        SCHEMA,
        clock=clock,
        outbox=Outbox(plumbing.outbox_table, clock),
        pool_size=settings.pool_size,
    )
    queues = (plumbing.outbox, plumbing.inbox, notifications)
    links = IdentityLinks(settings.identity_url, TokenSigner(settings.signing_key.get_secret_value()))
    sender = MailSender(
        database,
        links,
        Renderer(settings.mail_from, settings.public_url),
        SmtpMailer(settings.smtp_url.get_secret_value()),
    )

    def api() -> FastAPI:
        return create_app(
            SCHEMA,
            settings,
            database,
            routers=(customer_routes(database), staff_routes(database)),
            idempotency_keys=plumbing.idempotency_keys,
            queues=queues,
        )

    worker = ServiceWorker(
        SCHEMA,
        database,
        transport,
        outbox=plumbing.outbox,
        inbox=plumbing.inbox,
        consumer=Consumer(SCHEMA, database, plumbing.inbox, handlers()),
        workers=(DurableWorker(database, notifications, sender.send, concurrency=settings.mail_concurrency),),
        clock_jobs=clock_jobs(database),
        queues=(notifications,),
        closing=(links.close,),
    )
    return Service(SCHEMA, api, worker, database, queues=queues, privacy=privacy(database))
