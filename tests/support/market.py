"""A whole instance inside the test's own process: a test can take one of its guards out and buy something."""

import os
import secrets
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest_asyncio

from ez.embedded.instance import Instance
from ez.seeding import CUSTOMER
from services.billing.adapters.stripe import StripePayments, make_client
from shared.testing import eventually
from tests.chaos.checker import Finding, Report, Sources, check
from tests.support.embedded import free_base_port

PATIENCE = 120.0
_DURABLE = ("outbox", "inbox")
_SCHEMAS = ("identity", "billing", "catalog", "provisioning", "support")
_QUEUES = (
    *(f"{schema}.{table}" for schema in _SCHEMAS for table in _DURABLE),
    "billing.stripe_events",
    "billing.stripe_tasks",
    "provisioning.jobs",
    "support.notifications",
)


class Market:
    """Customer, database administrator and outside world in one."""

    def __init__(self, instance: Instance, sources: Sources) -> None:
        self.instance = instance
        self.sources = sources
        self.first: Report
        self._client = httpx.AsyncClient(timeout=30)
        self._token = ""

    async def open(self) -> None:
        """Signs in, buys once while everything is whole, and keeps what the checker says about it."""
        login = {"email": CUSTOMER.email, "password": CUSTOMER.password}
        self._token = (await self.api("POST", "/api/v1/sessions", login))["token"]
        await self.delivered(await self.buy("first"))
        self.first = await check(self.sources)

    async def close(self) -> None:
        """Lets go of connections."""
        await self._client.aclose()

    async def api(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One call of the public API; a price that Stripe does not know yet is waited for."""
        if self._token:
            headers.setdefault("Authorization", f"Bearer {self._token}")

        async def answer() -> httpx.Response | None:
            found = await self._client.request(method, self.instance.public_url + path, json=body, headers=headers)
            return None if "plan-not-ready" in found.text or found.status_code == 503 else found

        found = await eventually(answer, what=f"{method} {path}")
        assert found is not None
        return _body(found)

    async def order(self, hostname: str, quantity: int = 1) -> str:
        """Places an order and returns its id."""
        item = {"plan": "vps-s", "interval": "month", "hostname": hostname, "quantity": quantity}
        order = await self.api(
            "POST", "/api/v1/orders", {"currency": "EUR", "items": [item]}, **{"Idempotency-Key": secrets.token_hex(16)}
        )
        return str(order["id"])

    async def session(self, order: str) -> str:
        """The payment page of an order, at Stripe."""
        checkout = await self.api("POST", f"/api/v1/orders/{order}/checkout")
        return str(checkout["url"].rsplit("/", 1)[-1])

    async def buy(self, hostname: str, quantity: int = 1) -> str:
        """Orders and pays; returns the order's id."""
        order = await self.order(hostname, quantity)
        await self.stripe("POST", f"/_sandbox/checkout/{await self.session(order)}/pay", {"outcome": "success"})
        return order

    async def stripe(self, method: str, path: str, body: Any = None, form: Any = None) -> Any:
        """A call of the Stripe sandbox: its controls in JSON, its API as a form."""
        headers = {"Authorization": f"Bearer {self.sources.stripe_key}"}
        answer = await self._client.request(
            method, self.sources.stripe_url + path, json=body, data=form, headers=headers
        )
        return _body(answer)

    async def hypervisor(self, method: str, path: str, form: Any = None) -> Any:
        """A call of the hypervisor."""
        headers = {"Authorization": f"PVEAPIToken={self.sources.hypervisor_token}"}
        answer = await self._client.request(method, self.sources.hypervisor_url + path, data=form, headers=headers)
        return _body(answer)["data"]

    async def sql(self, statement: str, *values: Any) -> list[Any]:
        """One statement as the administrator; its rows."""
        connection = await asyncpg.connect(self.sources.database_url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def script(self, statements: str) -> None:
        """Several statements as the administrator, on one connection."""
        connection = await asyncpg.connect(self.sources.database_url)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    def payments(self) -> StripePayments:
        """Billing's own way to Stripe."""
        return StripePayments(*make_client(self.sources.stripe_key, self.sources.stripe_url))

    async def status(self, order: str, wanted: str) -> None:
        """Waits until the customer is shown this status."""

        async def shown() -> bool:
            return bool((await self.api("GET", f"/api/v1/orders/{order}"))["status"] == wanted)

        await eventually(shown, within=PATIENCE, every=0.1, what=f"{order} {wanted}")

    async def delivered(self, order: str) -> None:
        """Waits until the order is fulfilled and nothing is left to do."""
        await self.status(order, "fulfilled")
        await self.quiet()

    async def quiet(self, *, but: Sequence[str] = ()) -> None:
        """Waits until no durable row waits (in tables other than `but`) and Stripe has delivered everything."""
        tables = [table for table in _QUEUES if table not in but]
        waiting = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE state = 'ready'" for table in tables)

        async def nothing() -> bool:
            pending = await self.stripe("GET", "/_sandbox/deliveries?state=pending")
            return not pending["data"] and not await self.sql(f"SELECT FROM ({waiting}) AS rows LIMIT 1")

        await eventually(nothing, within=PATIENCE, every=0.1, what="nothing to be in flight")

    async def broken(self) -> set[tuple[str, str]]:
        """Everything the checker finds broken now: promise and id."""
        return _pairs((await check(self.sources)).broken)

    async def newly_broken(self, before: set[tuple[str, str]]) -> dict[str, list[str]]:
        """Promise → the ids that broke it since `before`."""
        found: dict[str, list[str]] = defaultdict(list)
        for promise, name in sorted(await self.broken() - before):
            found[promise].append(name)
        return found


def _body(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json()


def _pairs(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.promise, name) for finding in findings for name in finding.ids}


def names(found: dict[str, list[str]], promise: str, *parts: str) -> bool:
    """Whether this promise is broken with an id that holds all of these parts."""
    return any(all(part in name for part in parts) for name in found[promise])


@pytest_asyncio.fixture
async def before(market: Market) -> AsyncIterator[set[tuple[str, str]]]:
    """What was broken before a test began; Stripe's faults are healed after it."""
    yield await market.broken()
    await market.stripe("POST", "/_sandbox/faults", {"webhooks": [], "next_checkout": []})


@pytest_asyncio.fixture(scope="module")
async def market() -> AsyncIterator[Market]:
    """One instance for the tests of a file; what one of them breaks stays broken, so they compare before and after."""
    kept = dict(os.environ)
    os.environ["SANDBOX_HYPERVISOR_TIME_SCALE"] = "0.02"
    with tempfile.TemporaryDirectory(prefix="ez-market-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        base = free_base_port()
        instance = Instance(Path(directory) / "home", base, quiet=True)
        try:
            await instance.start()
            found = Market(instance, _sources(instance))
            try:
                await found.open()
                yield found
            finally:
                await found.close()
        finally:
            await instance.stop()
            os.environ.clear()
            os.environ.update(kept)


def _sources(instance: Instance) -> Sources:
    at = {name: f"http://127.0.0.1:{port}" for name, port in instance.ports.items()}
    password = (instance.home / "postgres" / "admin.password").read_text().strip()
    return Sources(
        database_url=f"postgresql://postgres:{password}@127.0.0.1:{instance.ports['postgres']}/postgres",
        stripe_url=at["stripe"],
        stripe_key=os.environ["BILLING_STRIPE_SECRET_KEY"],
        hypervisor_url=at["hypervisor"],
        hypervisor_token=os.environ["PROVISIONING_PROXMOX_TOKEN"],
        mail_url=at["mail"],
    )
