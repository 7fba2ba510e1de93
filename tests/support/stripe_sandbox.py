"""A running Stripe sandbox for tests: on a real port, with the official SDK and the control API in hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe import StripeSandboxSettings, create_app
from tests.support.database import free_port

API_KEY = "sk_test_sandbox_tests"
WEBHOOK_SECRET = "whsec_sandbox_tests"


@asynccontextmanager
async def serving(app: Starlette, port: int) -> AsyncIterator[None]:
    """Serves an application on 127.0.0.1:port, in this event loop."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    # uvicorn would otherwise take over the test run's signal handlers.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def client(url: str, *, key: str = API_KEY, retries: int = 2) -> stripe.StripeClient:
    """The official SDK, pointed at a sandbox."""
    return stripe.StripeClient(
        key,
        base_addresses={"api": url},
        http_client=stripe.HTTPXClient(timeout=10),
        max_network_retries=retries,
    )


@dataclass
class Received:
    """One webhook request as it arrived."""

    body: bytes
    signature: str | None
    event: dict[str, Any]


@dataclass
class Receiver:
    """A webhook endpoint that keeps what it got. `answer` decides the status of each request, `delay` how long each
    one takes; `busiest` is how many it ever worked on at once."""

    url: str
    delay: float = 0.0
    busy: int = 0
    busiest: int = 0
    answer: Callable[[Received], int] = lambda _received: 200
    received: list[Received] = field(default_factory=list)

    def types(self) -> list[str]:
        """The types of what arrived, in order."""
        return [entry.event.get("type", "?") for entry in self.received]


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A webhook endpoint on its own port."""
    port = free_port()
    target = Receiver(f"http://127.0.0.1:{port}/webhooks/stripe")

    async def intake(request: Request) -> Response:
        body = await request.body()
        entry = Received(body, request.headers.get("stripe-signature"), await request.json())
        target.received.append(entry)
        target.busy += 1
        target.busiest = max(target.busiest, target.busy)
        await asyncio.sleep(target.delay)
        target.busy -= 1
        status = target.answer(entry)
        return Response(status_code=status, headers={"location": f"{target.url}/moved"} if status == 302 else None)

    async def moved(_request: Request) -> Response:
        return Response(status_code=200)

    routes = [
        Route("/webhooks/stripe", intake, methods=["POST"]),
        Route("/webhooks/stripe/moved", moved, methods=["GET", "POST"]),
    ]
    async with serving(Starlette(routes=routes), port):
        yield target


@dataclass
class RunningSandbox:
    """A sandbox on a port: `stripe` is the SDK, `control` speaks to /_sandbox, `browser` has no key."""

    url: str
    stripe: stripe.StripeClient
    control: httpx.AsyncClient
    browser: httpx.AsyncClient

    async def pay(self, session_id: str, outcome: str = "success", **more: Any) -> dict[str, Any]:
        """Pays a Checkout Session without a browser."""
        answer = await self.control.post(f"/_sandbox/checkout/{session_id}/pay", json={"outcome": outcome, **more})
        answer.raise_for_status()
        paid: dict[str, Any] = answer.json()
        return paid

    async def faults(self, **faults: Any) -> None:
        """Sets faults, see the control API."""
        (await self.control.post("/_sandbox/faults", json=faults)).raise_for_status()

    async def event_types(self) -> list[str]:
        """Every event so far, oldest first."""
        listed = await self.stripe.v1.events.list_async({"limit": 100})
        return [event.type for event in reversed(listed.data)]


@asynccontextmanager
async def running_sandbox(
    *,
    webhook_url: str | None = None,
    state_path: Path | None = None,
    retry_schedule: tuple[float, ...] = (0.05, 0.05, 0.1),
    port: int | None = None,
    **more: Any,
) -> AsyncIterator[RunningSandbox]:
    """A sandbox in this process, on a real port. `more` are further StripeSandboxSettings."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    settings = StripeSandboxSettings(
        api_key=API_KEY,
        webhook_secret=WEBHOOK_SECRET,
        webhook_url=webhook_url,
        public_url=url,
        state_path=state_path,
        retry_schedule=retry_schedule,
        **more,
    )
    async with serving(create_app(settings), port), attached(url) as sandbox:
        yield sandbox


@asynccontextmanager
async def attached(url: str) -> AsyncIterator[RunningSandbox]:
    """Clients for a sandbox that already runs at that URL."""
    async with (
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=10) as control,
        httpx.AsyncClient(base_url=url, timeout=10) as browser,
    ):
        sdk = client(url)
        try:
            yield RunningSandbox(url, sdk, control, browser)
        finally:
            await sdk._requestor._get_http_client().close_async()  # type: ignore[no-untyped-call]


async def eventually(probe: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits until the probe holds. Raises AssertionError when it does not in time."""
    for _ in range(int(seconds / 0.02)):
        if probe():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


async def subscription_session(sandbox: RunningSandbox, **more: Any) -> stripe.checkout.Session:
    """An open session: two monthly servers at 12.00 EUR and a set-up fee of 3.00 EUR, for order ord_1."""
    v1 = sandbox.stripe.v1
    product = await v1.products.create_async({"name": "VPS M"})
    price = await v1.prices.create_async(
        {"product": product.id, "currency": "eur", "unit_amount": 1200, "recurring": {"interval": "month"}}
    )
    fee = await v1.prices.create_async({"product": product.id, "currency": "eur", "unit_amount": 300})
    params: Any = {
        "mode": "subscription",
        "client_reference_id": "ord_1",
        "metadata": {"order_id": "ord_1"},
        "subscription_data": {"metadata": {"order_id": "ord_1"}},
        "line_items": [{"price": price.id, "quantity": 2}, {"price": fee.id, "quantity": 1}],
        "success_url": "http://shop.test/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/cart",
        **more,
    }
    return await v1.checkout.sessions.create_async(params)
