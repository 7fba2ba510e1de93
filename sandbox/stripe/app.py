"""Composes the sandbox: API, hosted pages, control API, and the delivery task."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.stripe.api import Api
from sandbox.stripe.control import Control
from sandbox.stripe.delivery import Dispatcher
from sandbox.stripe.pages import checkout, index, invoice
from sandbox.stripe.settings import StripeSandboxSettings
from sandbox.stripe.work import Sandbox

_log = logging.getLogger(__name__)
_METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]


def create_app(settings: StripeSandboxSettings) -> Starlette:
    """The sandbox as an ASGI application. Its lifespan opens the state and starts delivery; `app.state.sandbox`
    is there while it runs."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sandbox = Sandbox(settings)
        dispatcher = Dispatcher(sandbox)
        app.state.sandbox = sandbox
        app.state.api = Api(sandbox)
        app.routes.extend(Control(sandbox, dispatcher).routes())
        delivering = asyncio.create_task(dispatcher.run(), name="stripe-sandbox-delivery")
        delivering.add_done_callback(_report_crash)
        try:
            yield
        finally:
            delivering.cancel()
            with suppress(asyncio.CancelledError):
                await delivering
            sandbox.store.close()

    static = StaticFiles(directory=Path(__file__).parent / "static")
    return Starlette(
        routes=[
            Route("/v1/{path:path}", _api, methods=_METHODS),
            Mount("/static", static),
            *checkout.ROUTES,
            *invoice.ROUTES,
            *index.ROUTES,
        ],
        lifespan=lifespan,
    )


def _report_crash(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.critical("webhook delivery stopped", exc_info=task.exception())


async def _api(request: Request) -> Response:
    api: Api = request.app.state.api
    return await api(request)
