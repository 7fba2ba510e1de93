"""A few exact paths are answered before anything else an app does for a request.

Middleware, routing, a span and a log line cost a request more than storing a webhook does. Who is led past them minds
its own body limit, metrics, log lines and errors; `RequestContext` around a single answer gives back what is worth its
price.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


class HotPathsFirst(FastAPI):
    """Hands requests whose method and whole path are those of a hot route straight to its endpoint, an ASGI app.

    The routes are in the router as well, which answers other methods (405).
    """

    def __init__(self, *, hot_routes: Sequence[Route], **options: Any) -> None:
        super().__init__(**options)
        self._hot: dict[tuple[str, str], ASGIApp] = {
            (method, route.path): route.endpoint for route in hot_routes for method in route.methods or ()
        }
        self.router.routes.extend(hot_routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        hot = self._hot.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (hot or super().__call__)(scope, receive, send)
