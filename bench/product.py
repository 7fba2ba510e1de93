"""The product as production runs it: one process per API and per worker, settings from the environment alone."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from bench.processes import Process
from ez.embedded.environment import SERVICES, build_environment
from tests.support.database import free_port

_PARTS = ("gateway", *SERVICES, "stripe", "hypervisor", "smtp", "mail", "postgres")
POOL_SIZE = "8"  # what a deployment has by default


class Bench(Protocol):
    """What a product needs of the laboratory around it: secrets, a broker, and who starts and stops processes."""

    secrets: dict[str, str]

    @property
    def broker(self) -> Any: ...
    def start(self, name: str, command: list[str], *, environment: Mapping[str, str]) -> Process: ...
    async def ready(self, process: Process, url: str) -> None: ...
    async def stop(self, *processes: Process) -> None: ...


class Product:
    """One database, one set of ports and secrets, and the processes started over them."""

    def __init__(self, lab: Bench, admin_url: str, changes: Mapping[str, str]) -> None:
        self._lab = lab
        self.admin_url = admin_url
        self.ports = {part: free_port() for part in _PARTS}
        values = build_environment(self.ports, lab.secrets, admin_url)
        values |= {f"{service.upper()}_POOL_SIZE": POOL_SIZE for service in SERVICES}
        values |= {
            "EZ_ENVIRONMENT": "test",  # the sandboxes' plain-http addresses are refused in production, nothing else
            "EZ_BROKER_URL": lab.broker.url,
            "EZ_ADMIN_DATABASE_URL": admin_url,
        }
        self.environment = dict(os.environ) | values | dict(changes)
        self.processes: list[Process] = []
        self._worker_ports: dict[str, int] = {}

    @property
    def webhook_secret(self) -> str:
        """What Stripe's deliveries to this deployment are signed with."""
        return self.environment["BILLING_STRIPE_WEBHOOK_SECRETS"]

    def serve(self, service: str) -> Process:
        """Starts a service's API, or the gateway."""
        return self._ez(f"{service}-api", "serve", service, "--port", str(self.ports[service]))

    def work(self, service: str, number: int = 1) -> Process:
        """Starts a service's worker; `number` tells several of them apart."""
        name = f"{service}-worker-{number}"
        self._worker_ports[name] = free_port()
        return self._ez(name, "work", service, "--port", str(self._worker_ports[name]))

    def run(self, name: str, *arguments: str, **extra: str) -> Process:
        """Starts `python ARGUMENTS` with this deployment's environment."""
        process = self._lab.start(name, [sys.executable, *arguments], environment=self.environment | extra)
        self.processes.append(process)
        return process

    def _ez(self, name: str, *arguments: str) -> Process:
        return self.run(name, "-m", "ez", *arguments)

    def address(self, part: str) -> str:
        """Where a service's API, the gateway or a sandbox listens."""
        return f"http://127.0.0.1:{self.ports[part]}"

    async def ready(self) -> None:
        """Waits until every API and worker started here says that it is ready."""
        for process in self.processes:
            if process.name in self._worker_ports:
                port = self._worker_ports[process.name]
            elif process.name.endswith("-api"):
                port = self.ports[process.name.removesuffix("-api")]
            else:
                continue
            kind = "live" if process.name == "gateway-api" else "ready"
            await self._lab.ready(process, f"http://127.0.0.1:{port}/health/{kind}")

    def to_end(self, *arguments: str) -> None:
        """Runs an `ez` command to its end. Raises RuntimeError with what it said when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "ez", *arguments], env=self.environment, capture_output=True, text=True, timeout=120
        )
        if done.returncode != 0:
            raise RuntimeError(f"ez {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")

    async def stop(self, *chosen: Process) -> None:
        """Ends these processes; every one started over this deployment when none is named."""
        ending = list(chosen or self.processes)
        await self._lab.stop(*ending)
        self.processes = [process for process in self.processes if process not in ending]
