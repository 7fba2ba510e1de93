"""Billing over a real PostgreSQL, called in-process; its worker's steps are taken by hand, so nothing waits."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio
from sqlalchemy import select

from services.billing.adapters.stripe import StripePayments, make_client
from services.billing.domain import StripeEvent, event_queue, task_queue
from services.billing.jobs import EventProcessor
from services.billing.main import create_service
from services.billing.settings import BillingSettings
from services.billing.use_cases.stripe_tasks import TaskRunner
from shared.contracts.catalog import PlanPrice, PlanPublished
from shared.contracts.identity import UserRegistered
from shared.database import Claimed, DurableQueue
from shared.kernel import SystemClock, new_id
from shared.messaging import LocalBroker, LocalTransport
from shared.web.service import Service
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS, service_bearer
from tests.support.database import TestDatabase
from tests.support.running_service import RunningService
from tests.support.stripe_payloads import SECRET, encoded, signed
from tests.support.stripe_sandbox import API_KEY, RunningSandbox, running_sandbox

PUBLIC_URL = "https://shop.example"


def settings(database_url: str, **changes: Any) -> BillingSettings:
    """Settings as a test deployment would have them; Stripe is nowhere unless said otherwise."""
    values: dict[str, Any] = {
        "environment": "test",
        "token_keys": TOKEN_KEYS,
        "database_url": database_url,
        "signing_key": PRIVATE_KEYS["catalog"],
        "stripe_secret_key": API_KEY,
        "stripe_webhook_secrets": SECRET,
        "stripe_api_base": "http://127.0.0.1:9",
        "public_url": PUBLIC_URL,
    }
    return BillingSettings(**{**values, **changes})


class MovingClock(SystemClock):
    """The system's time, moved by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class Billing(RunningService):
    """One running billing and what a test does with it."""

    service: Service
    client: httpx.AsyncClient
    runner: TaskRunner
    clock: MovingClock
    payments: StripePayments
    events: DurableQueue = field(default_factory=event_queue)
    tasks: DurableQueue = field(default_factory=task_queue)

    async def deliver(self, event: dict[str, Any], **headers: str) -> httpx.Response:
        """Sends an event as Stripe would."""
        body = encoded(event)
        return await self.client.post(
            "/webhooks/stripe", content=body, headers={**signed(body, at=self.clock.now().timestamp()), **headers}
        )

    async def apply(self, *events: dict[str, Any]) -> None:
        """Delivers the events and processes each before the next arrives."""
        for event in events:
            assert (await self.deliver(event)).status_code == 200
            await self.process()

    async def process(self) -> int:
        """Handles every due event, one after the other, as the worker would; says how many."""
        return await self._drain(self.events, EventProcessor(self.database, self.events, self.payments).handle)

    async def run_tasks(self) -> int:
        """Carries out every due task."""
        return await self._drain(self.tasks, self.runner.handle)

    async def _drain(self, queue: DurableQueue, handle: Any) -> int:
        handled = 0
        while True:
            async with self.database.work() as work:
                claimed: list[Claimed] = await queue.claim(work.session, 100)
            if not claimed:
                return handled
            for item in claimed:
                try:
                    await handle(item)
                except Exception as error:  # noqa: BLE001 - recorded on the row, as the worker does
                    async with self.database.work() as work:
                        await queue.fail(work.session, item, error)
            handled += len(claimed)

    async def stored(self, event_id: str) -> StripeEvent:
        """The stored event."""
        async with self.database.read() as session:
            return (await session.execute(select(StripeEvent).where(StripeEvent.id == event_id))).scalar_one()

    async def open_checkout(self, order: "Order") -> httpx.Response:
        """Asks for the order's payment page, as catalog does."""
        return await self.client.post(
            "/internal/checkouts", json=order.body(), headers=service_bearer("catalog", "billing")
        )


@dataclass
class Order:
    """An order as catalog would send it: two servers at 12.00 and a set-up fee of 1.50 each, 27.00 EUR."""

    account_id: str
    price_id: str
    order_id: str = field(default_factory=lambda: new_id("ord"))
    number: str = "EZ-1001"
    total_minor: int = 2700
    unit_minor: int = 1200
    fee_minor: int = 150
    currency: str = "EUR"
    expires_at: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(hours=12))

    def line(self) -> dict[str, Any]:
        return {
            "price_id": self.price_id,
            "description": "VPS M · web-1",
            "quantity": 2,
            "unit_amount_minor": self.unit_minor,
            "setup_fee_minor": self.fee_minor,
            "interval": "month",
        }

    def body(self) -> dict[str, Any]:
        return {
            "order_id": self.order_id,
            "order_number": self.number,
            "account_id": self.account_id,
            "currency": self.currency,
            "total_minor": self.total_minor,
            "expires_at": self.expires_at.isoformat(),
            "lines": [self.line()],
        }


@dataclass
class Shop:
    """A published plan with one monthly price, and accounts that have signed up."""

    billing: Billing
    plan_id: str = field(default_factory=lambda: new_id("pln"))
    price_id: str = field(default_factory=lambda: new_id("prc"))

    def published(self, version: int = 1, **changes: Any) -> PlanPublished:
        price = {
            "price_id": self.price_id,
            "currency": "EUR",
            "interval": "month",
            "amount_minor": 1200,
            "setup_fee_minor": 150,
            **changes,
        }
        return PlanPublished(
            plan_id=self.plan_id,
            code="vps-m",
            name="VPS M",
            description="Two cores",
            product_type="vps",
            version=version,
            prices=(PlanPrice.model_validate(price),),
        )

    async def account(self, email: str = "ada@example.com") -> str:
        """An account that signed up."""
        account_id = new_id("acc")
        await self.billing.hear(
            UserRegistered(
                user_id=new_id("usr"),
                account_id=account_id,
                account_name="Analytical Engines",
                email=email,
                name="Ada Lovelace",
                locale="en",
            )
        )
        return account_id

    def order(self, account_id: str, **changes: Any) -> Order:
        return Order(account_id=account_id, price_id=self.price_id, **changes)


async def running_billing(database_url: str, **changes: Any) -> AsyncIterator[Billing]:
    chosen, clock = settings(database_url, **changes), MovingClock()
    payments = StripePayments(
        *make_client(chosen.stripe_secret_key.get_secret_value(), chosen.stripe_api_base),
        test_clocks=chosen.test_clocks,
    )
    service = create_service(chosen, LocalTransport(LocalBroker()), clock=clock, payments=payments)
    transport = httpx.ASGITransport(app=service.app)
    async with (
        service.app.router.lifespan_context(service.app),
        httpx.AsyncClient(transport=transport, base_url="http://billing", timeout=60) as client,
    ):
        runner = TaskRunner(service.database, payments, task_queue())
        yield Billing(service, client, runner, clock, payments)


@pytest_asyncio.fixture
async def billing(fresh_database: TestDatabase) -> AsyncIterator[Billing]:
    """Billing without a Stripe that answers: for what needs none."""
    async for running in running_billing(fresh_database.url("billing")):
        yield running


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    """A Stripe stand-in whose events are fetched, not delivered, so that a test decides their order."""
    async with running_sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def clocked_shop(fresh_database: TestDatabase, sandbox: RunningSandbox) -> AsyncIterator[Shop]:
    """The same, each customer with a clock of their own at Stripe."""
    changes = {"stripe_api_base": sandbox.url, "test_clocks": True}
    async for running in running_billing(fresh_database.url("billing"), **changes):
        yield Shop(running)


@pytest_asyncio.fixture
async def shop(fresh_database: TestDatabase, sandbox: RunningSandbox) -> AsyncIterator[Shop]:
    """Billing beside the stand-in, with one plan for sale."""
    async for running in running_billing(fresh_database.url("billing"), stripe_api_base=sandbox.url):
        shop = Shop(running)
        await running.hear(shop.published())
        await running.run_tasks()
        yield shop


async def stripe_events(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """Every event the stand-in made so far, oldest first, as the JSON a delivery would carry."""
    events: list[dict[str, Any]] = []
    more = True
    while more:
        after = {"starting_after": events[-1]["id"]} if events else {}
        page = (await sandbox.control.get("/v1/events", params={"limit": 100, **after})).json()
        events += page["data"]
        more = page["has_more"]
    return events[::-1]
