"""The distributed form on one machine: every API and every worker its own process, real PostgreSQL and RabbitMQ."""

import asyncio
import contextlib
import os
import signal
import subprocess
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from ez.embedded.environment import SERVICES, build_environment
from ez.embedded.postgres import EmbeddedPostgres
from ez.embedded.secrets import load_or_make
from shared.testing import eventually
from tests.support.database import free_port
from tests.support.launching import Launch, Process, forked
from tests.support.rabbitmq import OwnBroker

_PARTS = ("gateway", *SERVICES, "stripe", "hypervisor", "smtp", "mail", "postgres")


class Distributed:
    """Starts and stops processes by name: `catalog-api`, `catalog-worker`, `gateway`, `stripe`, `hypervisor`, …

    `via` maps a part (`postgres`, `rabbit`, `stripe`, `hypervisor`, `smtp`; `gateway` for Stripe's webhooks) to the
    port of a proxy in front of it; `settings` are further environment variables of every process. Without `durable`,
    PostgreSQL acknowledges commits before it has written them: fast, and of no use to whoever kills PostgreSQL.
    `launch` is how processes are started.
    """

    def __init__(
        self,
        directory: Path,
        *,
        via: Mapping[str, int] | None = None,
        settings: Mapping[str, str] | None = None,
        durable: bool = False,
        launch: Launch = forked,
    ) -> None:
        self.directory = directory
        # Ports under which processes reach a part, where that is not the part's own port: a proxy listens there.
        self.via: dict[str, int] = dict(via or {})
        self._settings = dict(settings or {})
        self._launch = launch
        self.ports = {part: free_port() for part in _PARTS}
        self.ports |= {f"{service}-worker": free_port() for service in SERVICES}
        self.url = f"http://127.0.0.1:{self.ports['gateway']}"
        self.hypervisor_url = f"http://127.0.0.1:{self.ports['hypervisor']}"
        self.postgres = EmbeddedPostgres(directory / "pg", self.ports["postgres"], durable=durable)
        self.broker = OwnBroker(directory / "rabbit")
        self.environment: dict[str, str] = {}
        self.processes: dict[str, Process] = {}

    async def start(self) -> None:
        """Starts everything and waits until all of it is ready."""
        (self.directory / "rabbit").mkdir()
        await asyncio.gather(self.postgres.start(), asyncio.to_thread(self.broker.start))
        secrets = load_or_make(self.directory / "secrets.json")
        self.hypervisor_token = f"ez@pve!provisioning={secrets['hypervisor_token']}"
        stripe = f"http://127.0.0.1:{self.ports['stripe']}"
        ports = self.ports | {part: self.via[part] for part in ("stripe", "hypervisor", "smtp") if part in self.via}
        values = build_environment(ports, secrets, self._through("postgres", self.postgres.admin_url))
        values |= {
            "EZ_ENVIRONMENT": "test",
            "EZ_BROKER_URL": self._through("rabbit", self.broker.url),
            "EZ_ADMIN_DATABASE_URL": self.postgres.admin_url,
            "STRIPE_SANDBOX_API_KEY": values["BILLING_STRIPE_SECRET_KEY"],
            "STRIPE_SANDBOX_WEBHOOK_SECRET": values["BILLING_STRIPE_WEBHOOK_SECRETS"],
            "STRIPE_SANDBOX_WEBHOOK_URL": self._through("gateway", self.url) + "/webhooks/stripe",
            "STRIPE_SANDBOX_PUBLIC_URL": stripe,
            "GATEWAY_CHECKOUT_ORIGIN": stripe,
            "STRIPE_SANDBOX_STATE_PATH": str(self.directory / "stripe.sqlite"),
            "SANDBOX_HYPERVISOR_TOKEN_SECRET": secrets["hypervisor_token"],
            "SANDBOX_HYPERVISOR_STATE_PATH": str(self.directory / "hypervisor.sqlite"),
            "SANDBOX_HYPERVISOR_TIME_SCALE": "0.05",
            **self._settings,
        }
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("EZ_CRASH")} | values
        for arguments in (("migrate",), ("seed", "--people")):
            await self._run_to_end("ez", *arguments, log=self.directory / "prepare.log")
        for name in ("stripe", "hypervisor", "mail"):
            self.run(name)
        for service in SERVICES:
            self.run(f"{service}-api")
            self.run(f"{service}-worker")
        self.run("gateway")
        await self.ready()

    def _through(self, part: str, url: str) -> str:
        """The address with the proxy's port, where a proxy stands before the part."""
        parts = urlsplit(url)
        if part not in self.via:
            return url
        host = parts.netloc.rpartition(":")[0]
        return parts._replace(netloc=f"{host}:{self.via[part]}").geturl()

    def _command(self, name: str) -> list[str]:
        if name in ("stripe", "hypervisor"):
            return [f"sandbox.{name}", "--port", str(self.ports[name])]
        if name == "mail":
            ports = ["--port", str(self.ports["mail"]), "--smtp-port", str(self.ports["smtp"])]
            return ["sandbox.mail", *ports, "--state", str(self.directory / "mail.sqlite")]
        if name.endswith("-worker"):
            return ["ez", "work", name.removesuffix("-worker"), "--port", str(self.ports[name])]
        service = name.removesuffix("-api")
        return ["ez", "serve", service, "--port", str(self.ports[service])]

    def run(self, name: str, **extra: str) -> Process:
        """Starts one process; `extra` goes into its environment (EZ_CRASH_AT=…)."""
        log = self.directory / f"{name}.log"
        process = self._launch(*self._command(name), env=self.environment | extra, log=log)
        self.processes[name] = process
        return process

    def work(self, service: str, name: str) -> Process:
        """Starts one more worker of a service, under a name of its own."""
        log = self.directory / f"{name}.log"
        process = self._launch("ez", "work", service, "--port", str(free_port()), env=self.environment, log=log)
        self.processes[name] = process
        return process

    async def _run_to_end(self, *command: str, log: Path) -> None:
        process = self._launch(*command, env=self.environment, log=log)
        if ended := await asyncio.to_thread(process.wait, 60):
            raise RuntimeError(f"{command} ended with {ended}:\n{log.read_text(errors='replace')[-2000:]}")

    async def ready(self) -> None:
        """Waits until every API, every worker and the gateway say they are ready.

        Raises RuntimeError with the end of its log when a process ends instead.
        """
        apis = [(service, f"{service}-api") for service in SERVICES]
        workers = [(f"{service}-worker", f"{service}-worker") for service in SERVICES]
        for port, name in apis + workers:
            await eventually(partial(self._ready, name, self.ports[port], "ready"), what=f"{name} ready")
        await eventually(partial(self._ready, "gateway", self.ports["gateway"], "live"), what="gateway ready")

    async def _ready(self, name: str, port: int, kind: str) -> bool:
        if (ended := self.processes[name].poll()) is not None:
            said = (self.directory / f"{name}.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{name} ended with {ended}:\n{said}")

        def ask() -> bool:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health/{kind}", timeout=2) as answer,
            ):
                return bool(answer.status == 200)
            return False

        return await asyncio.to_thread(ask)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Sends a signal to one of our own processes; after SIGKILL it is gone."""
        process = self.processes[name]
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait(10)

    def logs(self) -> str:
        """The end of every process's log, for a failing test's message."""
        return "\n".join(
            f"--- {path.name}\n" + path.read_text(errors="replace")[-1500:]
            for path in sorted(self.directory.glob("*.log"))
        )

    async def stop(self) -> None:
        """Ends every process that was started here."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                await asyncio.to_thread(process.wait, 15)
            except subprocess.TimeoutExpired:
                process.kill()
        self.broker.stop()
        await self.postgres.stop()

    async def demo(self, plan: str = "vps-s") -> "subprocess.CompletedProcess[str]":
        """Runs the public demo against this deployment."""
        environment = self.environment | {
            "DEMO_HYPERVISOR_URL": self.hypervisor_url,
            "DEMO_HYPERVISOR_TOKEN": self.hypervisor_token,
        }
        said = self.directory / "demo.out"
        said.unlink(missing_ok=True)
        process = self._launch("ez.demo", "--url", self.url, "--plan", plan, env=environment, log=said)
        ended = await asyncio.to_thread(process.wait, 280)
        return subprocess.CompletedProcess("ez.demo", ended, said.read_text(errors="replace"), "")
