"""Every page with made-up data: `python -m tests.web.preview --port 8100`, then sign in as one of the people shown."""

import argparse
import re
from dataclasses import dataclass
from datetime import datetime

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web.app import web_error_handler, web_routes
from gateway.web.upstream import Site, UpstreamAway, Visitor, WebSettings
from shared.web.context import RequestContext
from shared.web.problems import UnhandledErrors
from tests.web.fake_data import PASSWORD, World
from tests.web.fake_delivery import pay
from tests.web.fake_staff_scenarios import build_world
from tests.web.fake_upstream import FakeUpstream

COOKIE = "ez_session"


@dataclass
class FakeSessions:
    world: World

    async def visitor(self, request: Request) -> Visitor | None:
        if "identity" in self.world.away:
            raise UpstreamAway("identity", retry_after=30)
        session = self.world.sessions.get(request.cookies.get(COOKIE, ""))
        if session is None:
            return None
        user = self.world.users[session["email"]]
        return Visitor(
            user_id=user["id"],
            email=user["email"],
            name=user["name"],
            account_id=user["account_id"],
            account_name=user["account_name"],
            role=user["role"],
            staff_roles=tuple(user["staff_roles"]),
            session_id=session["id"],
            access_token="internal",
            permissions=user["permissions"],
        )

    async def renew(self, request: Request) -> Visitor | None:
        return await self.visitor(request)

    def sign_in(self, response: Response, token: str, expires_at: datetime) -> None:
        response.set_cookie(COOKIE, token, httponly=True, samesite="lax", expires=expires_at)

    def sign_out(self, response: Response) -> None:
        response.delete_cookie(COOKIE)


class SecurityHeaders:
    """The gateway's policy, so that a page that breaks it breaks here."""

    def __init__(self, app: ASGIApp, checkout_origin: str) -> None:
        self.app = app
        self.policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
            f"img-src 'self' data:; form-action 'self' {checkout_origin}; frame-ancestors 'none'; base-uri 'none'"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start" and not scope["path"].startswith("/pay/"):
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", self.policy.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"same-origin"),
                ]
            await send(message)

        await self.app(scope, receive, with_policy)


def preview_app(world: World, public_url: str) -> Starlette:
    settings = WebSettings(
        site_name="EZ Solutions",
        public_url=public_url,
        checkout_origin=world.checkout_origin,
        csrf_secret=b"only-for-the-preview-and-the-tests" * 2,
        secure_cookies=False,
        dev_mail=True,
    )
    site = Site(FakeUpstream(world), FakeSessions(world), settings)

    async def checkout(request: Request) -> Response:
        order_id = str(request.path_params["order_id"])
        if request.method == "POST":
            pay(world, order_id)
            return RedirectResponse(f"{public_url}/orders/{order_id}/return?result=success", 303)
        if not re.fullmatch(r"[a-z0-9_]+", order_id):
            raise HTTPException(404)
        return HTMLResponse(
            "<title>Checkout</title><h1>Checkout</h1>"
            f'<form method="post" action="/pay/{order_id}"><button>Pay</button></form>'
        )

    async def be(request: Request) -> Response:
        """Sign in as a person of the preview without typing."""
        email = f"{request.path_params['who']}@example.com"
        token = f"preview-{email}"
        world.sessions[token] = {"id": f"ses_{email.partition('@')[0]}", "email": email, "at": "2026-11-22T12:00:00Z"}
        response = RedirectResponse(request.query_params.get("to", "/dashboard"), 303)
        response.set_cookie(COOKIE, token, httponly=True, samesite="lax")
        return response

    async def fault(request: Request) -> Response:
        raise RuntimeError("a page that breaks")

    handler = web_error_handler(site)
    return Starlette(
        routes=[
            Route("/pay/{order_id}", checkout, methods=["GET", "POST"]),
            Route("/preview/be/{who}", be),
            Route("/preview/fault", fault),
            *web_routes(site),
        ],
        middleware=[
            Middleware(RequestContext, service="preview"),
            Middleware(SecurityHeaders, checkout_origin=world.checkout_origin),
            Middleware(UnhandledErrors, answer=handler),
        ],
        exception_handlers={HTTPException: handler},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8100)
    port = parser.parse_args().port
    # The same port under another name is another origin, as Stripe's page is.
    world = build_world(checkout_origin=f"http://localhost:{port}")
    for who in ("ada", "rita", "tom", "neo", "many", "staff", "sue", "fin", "ops"):
        print(f"http://127.0.0.1:{port}/preview/be/{who}  (or sign in: {who}@example.com, {PASSWORD})")
    uvicorn.run(preview_app(world, f"http://127.0.0.1:{port}"), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
