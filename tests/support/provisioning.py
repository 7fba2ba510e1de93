"""Provisioning as tests use it: composed by its own main, over a real database, with a hypervisor in memory."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from services.provisioning.adapters.breaker import CircuitBreaker
from services.provisioning.adapters.capabilities import VpsConnector
from services.provisioning.adapters.providers import Connected
from services.provisioning.adapters.tables import JobQueue
from services.provisioning.domain import Job, Resource
from services.provisioning.jobs import JobRunner
from services.provisioning.jobs.clock import FIRST_PROVIDER
from services.provisioning.main import create_service, pool_of, tools_of
from services.provisioning.settings import ProvisioningSettings
from services.provisioning.use_cases.providers import seed_provider
from shared.contracts.base import Event
from shared.contracts.catalog import EntitlementGranted
from shared.database import DurableWorker
from shared.kernel import Clock, Principal, new_id
from shared.messaging import LocalBroker, LocalTransport
from shared.testing import eventually
from tests.support.callers import TOKEN_KEYS, bearer
from tests.support.database import TestDatabase
from tests.support.memory_vps import MemoryVps
from tests.support.running_service import RunningService

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SECRETS_KEY = base64.b64encode(bytes(range(32))).decode()
SPEC = {"cores": 2, "memory_mb": 4096, "disk_gb": 40, "transfer_tb": 4}


def settings_for(database: TestDatabase, **changes: Any) -> ProvisioningSettings:
    """Settings of a test process."""
    values: dict[str, Any] = {
        "environment": "test",
        "token_keys": TOKEN_KEYS,
        "database_url": database.url("provisioning"),
        "proxmox_url": "http://127.0.0.1:1",
        "proxmox_token": "ez@pve!provisioning=secret",
        "secrets_key": SECRETS_KEY,
        **changes,
    }
    return ProvisioningSettings(_env_file=None, **values)


def granted(**changes: Any) -> EntitlementGranted:
    """A paid VPS; `changes` are fields of the fact."""
    fields: dict[str, Any] = {
        "entitlement_id": new_id("ent"),
        "order_id": new_id("ord"),
        "order_number": "EZ-1001",
        "item_id": new_id("itm"),
        "account_id": new_id("acc"),
        "product_type": "vps",
        "plan_code": "vps-s",
        "plan_name": "VPS S",
        "hostname": "web-1.example.com",
        "template": "debian-12",
        "spec": SPEC,
        "version": 1,
        **changes,
    }
    return EntitlementGranted(**fields)


def resource_in(state: str = "pending", product_type: str = "vps") -> Resource:
    """A resource of its own, in this state, without a database."""
    resource = Resource.granted(
        entitlement_id=new_id("ent"),
        order_id=new_id("ord"),
        account_id=new_id("acc"),
        product_type=product_type,
        plan=("vps-s", "VPS S"),
        name="web-1.example.com",
        configuration={"hostname": "web-1.example.com", "template": "debian-12"},
        spec={},
        version=1,
        at=NOW,
    )
    resource._status = state
    resource.provider = "proxmox"
    return resource


class Provisioning(RunningService):
    """One process of provisioning. Jobs retry within fractions of a second; the lease is as in production."""

    def __init__(
        self,
        database: TestDatabase,
        *,
        vps: VpsConnector | None = None,
        clock: Clock | None = None,
        lease: float = 60.0,
        **settings: Any,
    ) -> None:
        self.memory = vps if isinstance(vps, MemoryVps) else MemoryVps()
        self.vps: VpsConnector = vps or self.memory
        self.queue = JobQueue(lease=lease, first_wait=0.05, longest_wait=0.2)
        self.settings = settings_for(database, **settings)
        self.service = create_service(
            self.settings,
            LocalTransport(LocalBroker()),
            clock=clock,
            vps=self.vps,
            queue=self.queue,
        )
        self.tools = tools_of(self.settings, self.queue)
        self.connectors: dict[str, VpsConnector] = {}  # by provider; any other has the one above
        self.pool = pool_of(self.settings, self.database, self.tools, self.vps)
        self.pool.kinds["proxmox"] = lambda place: self.connectors.get(place.name, self.vps)
        self.runner = JobRunner(self.database, self.tools, self.pool)
        self._ready = False

    async def ready(self) -> None:
        """What the clock does first: the provider of the settings is a row."""
        first = self.settings.first_provider()
        if not self._ready and first is not None:
            await self.database.run(lambda work: seed_provider(work, self.tools, FIRST_PROVIDER, first))
        self._ready = True

    def again(self) -> None:
        """As after a restart: the settings are looked at anew."""
        self._ready = False

    async def connected(self, breaker: CircuitBreaker | None = None) -> Connected:
        """The provider of the settings as jobs see it; with this breaker, from now on."""
        await self.ready()
        async with self.pool.using(FIRST_PROVIDER) as connected:
            if breaker is not None:
                connected.breaker = breaker
            return connected

    async def hear(self, event: Event, event_id: UUID | None = None) -> UUID:
        """Delivers a fact as the bus would, once the provider of the settings is a row; returns its id."""
        await self.ready()
        return await super().hear(event, event_id)

    async def tell(self, kind: type[Event], resource: Resource, version: int, **changes: Any) -> None:
        """A fact about the entitlement of a resource, received."""
        fields: dict[str, Any] = {
            "entitlement_id": resource.entitlement_id,
            "order_id": resource.order_id,
            "item_id": new_id("itm"),
            "account_id": resource.account_id,
            "reason": "The invoice is not paid",
            "version": version,
            **changes,
        }
        await self.hear(kind(**fields))

    async def grant(self, **changes: Any) -> Resource:
        """A granted entitlement, received; its resource."""
        fact = granted(**changes)
        await self.hear(fact)
        return await self.resource(entitlement_id=fact.entitlement_id)

    @asynccontextmanager
    async def working(self, concurrency: int = 8) -> AsyncIterator[None]:
        """A worker runs the jobs meanwhile."""
        await self.ready()
        worker = DurableWorker(self.database, self.queue, self.runner.handle, concurrency=concurrency, poll=0.02)
        task = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def deliver(self, **changes: Any) -> Resource:
        """A granted entitlement whose service runs."""
        resource = await self.grant(**changes)
        async with self.working():
            return await self.until(resource.id, lambda found: found.status == "active")

    async def until(self, resource_id: str, holds: Callable[[Resource], bool], within: float = 60) -> Resource:
        """Waits until the resource is as wanted."""

        async def probe() -> Resource | None:
            found = await self.resource(id=resource_id)
            return found if holds(found) else None

        found = await eventually(probe, within=within)
        assert found is not None
        return found

    async def until_job(self, holds: Callable[[Job], bool], within: float = 60, **where: Any) -> Job:
        """Waits until the job is as wanted."""

        async def probe() -> Job | None:
            found = await self.job(**where)
            return found if holds(found) else None

        found = await eventually(probe, within=within)
        assert found is not None
        return found

    async def resource(self, **where: Any) -> Resource:
        """The one resource."""
        async with self.database.read() as session:
            statement = (
                select(Resource)
                .filter_by(**where)
                .options(selectinload(Resource.pending), selectinload(Resource.secret))
            )
            return (await session.scalars(statement)).one()

    async def job(self, **where: Any) -> Job:
        """The one job, with its steps."""
        async with self.database.read() as session:
            return (await session.scalars(select(Job).filter_by(**where).options(selectinload(Job.steps)))).one()

    @asynccontextmanager
    async def client(self, caller: Principal | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the API, in process."""
        transport = httpx.ASGITransport(self.service.app, raise_app_exceptions=False)
        headers = bearer(caller) if caller else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://provisioning", headers=headers) as client:
            yield client

    async def close(self) -> None:
        """Closes the connections."""
        await self.database.close()


async def at_once(count: int, call: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Starts `count` calls behind one gate; their results, exceptions among them."""
    gate = asyncio.Event()

    async def one() -> Any:
        await gate.wait()
        return await call()

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    await asyncio.sleep(0)
    gate.set()
    return await asyncio.gather(*tasks, return_exceptions=True)
