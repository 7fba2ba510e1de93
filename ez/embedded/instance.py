"""`ez up`: the whole product in one process. What runs is what production runs; only the surroundings are stand-ins."""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import structlog
from pydantic import SecretStr

from ez.embedded.environment import SERVICES, build_environment, ports_from
from ez.embedded.postgres import EmbeddedPostgres
from ez.embedded.secrets import load_or_make
from ez.migrations import migrate
from ez.seeding import seed_catalogue, seed_people
from ez.servers import PortBusy, ServerGroup
from ez.services import compose
from gateway.main import create_gateway
from gateway.settings import GatewaySettings
from sandbox.hypervisor import HypervisorSandboxSettings
from sandbox.hypervisor import create_app as create_hypervisor
from sandbox.mail import MailSandbox
from sandbox.stripe import StripeSandboxSettings
from sandbox.stripe import create_app as create_stripe
from shared.messaging import LocalBroker, LocalTransport
from shared.web.service import Service

log = structlog.get_logger()


class Instance:
    """One embedded instance: its files in `home`, its ports counted from `base_port`."""

    def __init__(self, home: Path, base_port: int, *, quiet: bool = False) -> None:
        self.home = home
        self.ports = ports_from(base_port)
        self.public_url = f"http://127.0.0.1:{base_port}"
        self._quiet = quiet
        self._servers = ServerGroup()
        self._postgres: EmbeddedPostgres | None = None
        self._mail: MailSandbox | None = None
        self._services: dict[str, Service] = {}
        self._workers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Starts everything; returns when the gateway answers and the catalogue can be bought from."""
        self.home.mkdir(parents=True, exist_ok=True)
        secrets = load_or_make(self.home / "secrets.json")
        with self._step("PostgreSQL"):
            self._postgres = EmbeddedPostgres(self.home / "postgres", self.ports["postgres"])
            await self._postgres.start()
        os.environ.update(build_environment(self.ports, secrets, self._postgres.admin_url))
        with self._step("Schemas"):
            await migrate(self._postgres.admin_url)
        with self._step("Sandboxes"):
            await self._start_sandboxes(secrets)
        with self._step("Services"):
            await self._start_services()
        with self._step("Catalogue and logins"):
            await seed_catalogue(self._services["catalog"])
            await seed_people(self._services["identity"])
        with self._step("Gateway"):
            gateway = create_gateway(GatewaySettings())
            await self._servers.start(gateway, self.ports["gateway"], "gateway")

    async def _start_sandboxes(self, secrets: dict[str, str]) -> None:
        stripe = create_stripe(
            StripeSandboxSettings(
                api_key=os.environ["BILLING_STRIPE_SECRET_KEY"],
                webhook_secret=os.environ["BILLING_STRIPE_WEBHOOK_SECRETS"],
                webhook_url=f"{self.public_url}/webhooks/stripe",
                public_url=f"http://127.0.0.1:{self.ports['stripe']}",
                state_path=self.home / "stripe.sqlite",
            )
        )
        await self._servers.start(stripe, self.ports["stripe"], "Stripe sandbox")
        hypervisor = create_hypervisor(
            HypervisorSandboxSettings(
                token_secret=SecretStr(secrets["hypervisor_token"]), state_path=self.home / "hypervisor.sqlite"
            )
        )
        await self._servers.start(hypervisor, self.ports["hypervisor"], "hypervisor sandbox")
        self._mail = MailSandbox(self.home / "mail.sqlite", self.ports["smtp"])
        try:
            self._mail.start_smtp()
        except OSError as error:
            raise PortBusy(self.ports["smtp"], "mail sandbox") from error
        await self._servers.start(self._mail.app, self.ports["mail"], "mail sandbox")

    async def _start_services(self) -> None:
        broker = LocalBroker()
        for name in SERVICES:
            service = compose(name, LocalTransport(broker))
            self._services[name] = service
            await self._servers.start(service.app, self.ports[name], name)
        for service in self._services.values():
            self._workers.append(asyncio.create_task(service.worker.run(), name=f"{service.name}-worker"))

    async def stop(self) -> None:
        """Stops in reverse order; work in hand is in PostgreSQL and goes on at the next start."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._servers.stop()
        if self._mail is not None:
            self._mail.stop()
        if self._postgres is not None:
            await self._postgres.stop()

    async def wait(self) -> None:
        """Returns when a server or a worker ends by itself, which none should."""
        servers = asyncio.create_task(self._servers.wait())
        await asyncio.wait([servers, *self._workers], return_when=asyncio.FIRST_COMPLETED)
        servers.cancel()

    @contextlib.contextmanager
    def _step(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        if not self._quiet:
            print(f"  {what:<22}", end="", flush=True)
        yield
        if not self._quiet:
            print(f"{time.perf_counter() - started:5.1f} s", flush=True)
