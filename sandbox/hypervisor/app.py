"""Composes the stand-in hypervisor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.hypervisor import page
from sandbox.hypervisor.access import Access
from sandbox.hypervisor.api import Api, refusal
from sandbox.hypervisor.control import Control
from sandbox.hypervisor.faults import FaultMiddleware, Faults
from sandbox.hypervisor.hypervisor import Hypervisor
from sandbox.hypervisor.models import PveError
from sandbox.hypervisor.settings import HypervisorSandboxSettings


def create_app(settings: HypervisorSandboxSettings | None = None) -> Starlette:
    """One hypervisor behind one ASGI application. Serve it with one process: its state has one owner."""
    settings = settings or HypervisorSandboxSettings()
    hypervisor, access, faults = Hypervisor(settings), Access(settings), Faults()

    async def index(request: Request) -> Response:
        return HTMLResponse(page.index(hypervisor), headers=page.HEADERS)

    async def style(request: Request) -> Response:
        return Response(page.STYLE, media_type="text/css", headers=page.HEADERS)

    async def live(request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def unknown(request: Request, problem: Exception) -> Response:
        return refusal(PveError(501, f"Method '{request.method} {request.url.path}' not implemented"))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        hypervisor.store.close()

    return Starlette(
        routes=[
            Route("/", index),
            Route("/style.css", style),
            Route("/health/live", live),
            *Api(hypervisor, access, faults).routes(),
            *Control(hypervisor, access, faults).routes(),
        ],
        middleware=[Middleware(FaultMiddleware, faults=faults)],
        exception_handlers={404: unknown, 405: unknown},
        lifespan=lifespan,
    )
