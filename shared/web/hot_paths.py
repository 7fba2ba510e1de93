"""A few exact paths are answered before anything else an app does for a request.

Middleware, routing, a span and a log line cost a request more than storing a webhook does. Who is led past them minds
its own body limit, metrics and log lines; `RequestContext` around a single answer gives back what is worth its price.
"""

from collections.abc import Sequence

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


class HotPaths:
    """Hands requests whose method and whole path are those of a route straight to its endpoint, an ASGI app.

    The routes must also be in the app's router, which answers other methods (405) and names the path in lists.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route]) -> None:
        self._app = app
        self._hot: dict[tuple[str, str], ASGIApp] = {
            (method, route.path): route.endpoint for route in routes for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        hot = self._hot.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (hot or self._app)(scope, receive, send)
