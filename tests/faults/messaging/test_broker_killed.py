"""RabbitMQ is killed under load and comes back: webhooks are answered as ever, and the books balance."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from sqlalchemy import text

from ez.services import compose
from shared.contracts.base import Event
from shared.messaging import RabbitTransport
from shared.testing import eventually
from shared.web.service import Service
from tests.api.billing.conftest import Billing, running_billing
from tests.faults.messaging.node import Node
from tests.faults.messaging.parts import registered
from tests.support.database import TestDatabase
from tests.support.house import house_environment
from tests.support.stripe_payloads import event

pytestmark = [pytest.mark.fault(17)]


@dataclass
class Load:
    """People sign up and Stripe delivers, steadily; what was accepted is remembered."""

    identity: Service
    billing: Billing
    signed_up: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(self._sign_up(), self._deliver())

    async def _sign_up(self) -> None:
        while True:
            facts: list[Event] = [registered() for _ in range(5)]
            async with self.identity.database.work() as work:
                for fact in facts:
                    work.publish(fact)
            self.signed_up += [fact.subject for fact in facts]
            await asyncio.sleep(0.02)

    async def _deliver(self) -> None:
        while True:
            made = event("customer.created", {"id": "cus_1"})
            answer = await self.billing.deliver(made)
            if answer.status_code == 200:
                self.acknowledged.append(made["id"])
            else:
                self.refused.append(answer.status_code)
            await asyncio.sleep(0.02)

    async def reaches(self, count: int) -> bool:
        """Whether this many sign-ups and this many webhooks were accepted."""
        return len(self.signed_up) >= count and len(self.acknowledged) >= count


@pytest_asyncio.fixture
async def load(
    fresh_database: TestDatabase, node: Node, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Load, Service]]:
    """Identity's and support's workers over the node, and billing's webhook."""
    with house_environment(monkeypatch, fresh_database.admin_url):
        for name in ("identity", "support"):
            monkeypatch.setenv(f"{name.upper()}_DATABASE_URL", fresh_database.url(name))
        services = [compose(name, RabbitTransport(node.url, name=name)) for name in ("identity", "support")]
    workers = [asyncio.create_task(service.worker.run()) for service in services]
    async with contextlib.asynccontextmanager(running_billing)(fresh_database.url("billing")) as billing:
        yield Load(services[0], billing), services[1]
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    for service in services:
        await service.database.close()


async def _column(service: Service, statement: str) -> list[str]:
    async with service.database.read() as session:
        return [str(value) for value in await session.scalars(text(statement))]


async def test_a_broker_killed_under_load_costs_no_webhook_and_no_fact(load: tuple[Load, Service], node: Node) -> None:
    traffic, support = load
    running = asyncio.create_task(traffic.run())
    try:
        await eventually(lambda: traffic.reaches(100))
        node.kill()
        before = len(traffic.acknowledged)
        await eventually(lambda: traffic.reaches(before + 100), what="webhooks answered without a broker")
        assert not traffic.identity.worker.transport.connected
        await asyncio.to_thread(node.start)
        after = len(traffic.acknowledged)
        await eventually(lambda: traffic.reaches(after + 100))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert traffic.refused == []

    async def balanced() -> bool:
        assert await _column(traffic.identity, "SELECT DISTINCT state FROM identity.outbox") == ["done"]
        sent = await _column(traffic.identity, "SELECT id FROM identity.outbox ORDER BY id")
        assert await _column(support, "SELECT id FROM support.inbox WHERE state = 'done' ORDER BY id") == sent
        return True

    await eventually(balanced, within=90)
    assert len(await _column(support, "SELECT user_id FROM support.contacts")) >= len(traffic.signed_up)
    assert await _column(support, "SELECT id FROM support.inbox WHERE state <> 'done'") == []
    stored = {str(row["id"]) for row in await traffic.billing.rows("stripe_events", "id")}
    assert set(traffic.acknowledged) <= stored
