"""The pages as routes: the table of contents of the web UI."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from gateway.web.assets import DIST, BuiltAssets
from gateway.web.csrf import Csrf
from gateway.web.guard import error_page, guarded
from gateway.web.pages import ROUTES
from gateway.web.templating import environment_for
from gateway.web.upstream import Site, UpstreamAway, Visitor
from gateway.web.visit import Visit

ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


def web_routes(site: Site) -> list[Route | Mount]:
    """Every page, and /static. Raises `AssetsNotBuilt` when `npm run build` has not been run."""
    environment = environment_for(site.settings)
    pages: list[Route | Mount] = [
        Route(entry.path, guarded(entry, site, environment), methods=[entry.method]) for entry in ROUTES
    ]
    return [*pages, Mount("/static", BuiltAssets(directory=DIST), name="static")]


def web_error_handler(site: Site) -> ErrorHandler:
    """For the gateway's application: its own 404, 405 and 500 as pages (the API answers problem+json instead)."""
    environment = environment_for(site.settings)

    async def handler(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        visitor: Visitor | None = None
        try:
            visitor = await site.sessions.visitor(request)
        except UpstreamAway:
            visitor = None
        visit = Visit(request, site, environment, visitor, Csrf.of(request, visitor, site.settings))
        response = error_page(visit, status)
        visit.csrf.attach(response)
        return response

    return handler
