"""Composes identity: the API and the worker."""

from fastapi import FastAPI

from services.identity.adapters.links import Links
from services.identity.adapters.passwords import Passwords
from services.identity.adapters.tables import plumbing
from services.identity.api.customer import customer_routes
from services.identity.api.internal import link_routes, session_routes
from services.identity.api.person import person_routes
from services.identity.api.public import public_routes
from services.identity.api.staff import staff_routes
from services.identity.domain.base import SCHEMA
from services.identity.jobs import clock_jobs
from services.identity.settings import IdentitySettings
from services.identity.use_cases.privacy import privacy
from shared.database import Database
from shared.kernel import Clock
from shared.messaging import Outbox, Transport
from shared.web.app import create_app
from shared.web.service import Service
from shared.web.tokens import TokenSigner
from shared.web.worker import ServiceWorker


def create_service(settings: IdentitySettings, transport: Transport, *, clock: Clock | None = None) -> Service:
    """Identity, ready to run."""
    database = Database(
        settings.database_url.get_secret_value(),
        SCHEMA,
        clock=clock,
        outbox=Outbox(plumbing.outbox_table, clock),
        pool_size=settings.pool_size,
    )
    passwords = Passwords(settings.hashing_slots, production=settings.environment == "production")
    links = Links(settings.link_secret.get_secret_value(), settings.public_url)
    signer = TokenSigner(settings.signing_key.get_secret_value())

    def api() -> FastAPI:
        return create_app(
            SCHEMA,
            settings,
            database,
            routers=(
                public_routes(database, passwords, links, settings),
                person_routes(database, passwords),
                customer_routes(database),
                staff_routes(database),
                session_routes(database, signer),
                link_routes(database, links),
            ),
            idempotency_keys=plumbing.idempotency_keys,
            queues=(plumbing.outbox, plumbing.inbox),
        )

    worker = ServiceWorker(
        SCHEMA,
        database,
        transport,
        outbox=plumbing.outbox,
        inbox=plumbing.inbox,
        consumer=None,
        clock_jobs=clock_jobs(database),
    )
    return Service(SCHEMA, api, worker, database, queues=(plumbing.outbox, plumbing.inbox), privacy=privacy(database))
