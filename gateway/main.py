"""Composes the gateway: limits and security headers around pages, public API, webhook, health."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from gateway.admission import Admission
from gateway.development import dev_mail_routes
from gateway.limits import RateLimiter, StreamSlots
from gateway.proxy import ApiProxy
from gateway.routing import API, WEBHOOK
from gateway.security import SecurityHeaders
from gateway.sessions import SessionResolver
from gateway.settings import GatewaySettings
from gateway.upstreams import Upstreams
from gateway.web.app import web_error_handler, web_routes
from gateway.web.upstream import Site, WebSettings
from shared.web.context import RequestContext
from shared.web.health import health_routes
from shared.web.problems import UnhandledErrors


def create_gateway(settings: GatewaySettings) -> Starlette:
    """The ASGI app of the gateway."""
    upstreams = Upstreams(settings.upstreams())
    sessions = SessionResolver(upstreams, settings.signing_key.get_secret_value(), secure=settings.secure)
    proxy = ApiProxy(upstreams, sessions, public_url=settings.public_url)
    site = Site(
        upstream=upstreams,
        sessions=sessions,
        settings=WebSettings(
            site_name=settings.site_name,
            public_url=settings.public_url,
            checkout_origin=settings.checkout_origin,
            csrf_secret=settings.csrf_secret.get_secret_value().encode(),
            secure_cookies=settings.secure,
            dev_mail=settings.dev_mail_url is not None,
        ),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await upstreams.start()
        yield
        await upstreams.close()

    on_error = web_error_handler(site)
    whole = UnhandledErrors(_WholeRequest(proxy))
    return Starlette(
        lifespan=lifespan,
        routes=[
            Mount(API.rstrip("/"), whole),
            Route(WEBHOOK, whole, methods=None),
            *health_routes(None),
            *dev_mail_routes(settings.dev_mail_url),
            *web_routes(site),
        ],
        middleware=[
            Middleware(RequestContext, service="gateway"),
            Middleware(
                SecurityHeaders,
                hosts=settings.hosts(),
                checkout_origin=settings.checkout_origin,
                secure=settings.secure,
            ),
            Middleware(UnhandledErrors, answer=on_error),
            Middleware(
                Admission,
                limiter=RateLimiter(settings.requests_per_second, settings.request_burst),
                slots=StreamSlots(
                    per_account=settings.streams_per_account,
                    per_address=settings.streams_per_address,
                    in_all=settings.streams_in_all,
                ),
                sessions=sessions,
                error_page=on_error,
            ),
        ],
        exception_handlers={HTTPException: on_error},
    )


class _WholeRequest:
    """Hands the whole request to the proxy: every method, the full path."""

    def __init__(self, proxy: ApiProxy) -> None:
        self._proxy = proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        await self._proxy(scope, receive, send)
