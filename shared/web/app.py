"""The app factory: every service's API is made here, so that no service can forget what all of them need."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Table
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.routing import Route

from shared.database import Database, DurableQueue, Listener
from shared.web.body_limit import DeclaredBodyLimit
from shared.web.context import RequestContext
from shared.web.dead_letters import dead_letters_router
from shared.web.health import health_routes
from shared.web.hot_paths import HotPathsFirst
from shared.web.problems import UnhandledErrors, install_problem_handlers
from shared.web.settings import ServiceSettings
from shared.web.tokens import TokenVerifier

LARGEST_BODY = 256 * 1024


def create_app(
    name: str,
    settings: ServiceSettings,
    database: Database,
    *,
    routers: Sequence[APIRouter],
    idempotency_keys: Table,
    queues: Sequence[DurableQueue] = (),
    listener: Listener | None = None,
    hot_routes: Sequence[Route] = (),
    largest_body: int = LARGEST_BODY,
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
) -> FastAPI:
    """The ASGI app of one service.

    `hot_routes` are answered ahead of all middleware (see HotPathsFirst). `listener` is started with the app, for live
    streams. `queues` are the durable tables whose dead rows staff may list and replay. Bodies over `largest_body` bytes
    are refused (413). `closing` is awaited when the app ends: what the adapters hold open is closed there.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if listener is not None:
            listener.start()
        yield
        if listener is not None:
            await listener.stop()
        for close in closing:
            await close()
        await database.close()

    app = HotPathsFirst(
        hot_routes=hot_routes,
        title=f"EZ Solutions {name}",
        version="1",
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.environment != "production" else None,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False},  # RequestContext makes the one span we want
        middleware=[
            Middleware(RequestContext, service=name),
            Middleware(UnhandledErrors),
            Middleware(DeclaredBodyLimit, most=largest_body),
            Middleware(RequestBodyLimitMiddleware, max_body_size=largest_body),
        ],
        generate_unique_id_function=_operation_id,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.listener = listener
    app.state.idempotency_keys = idempotency_keys
    app.state.verifier = TokenVerifier(settings.token_keys, name)
    install_problem_handlers(app)
    app.router.routes.extend(health_routes(database))
    for router in routers:
        app.include_router(router)
    app.include_router(dead_letters_router(name, database, queues))
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
