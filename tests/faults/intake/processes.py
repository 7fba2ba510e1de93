"""`ez serve billing` and `ez work billing` as processes of their own, for tests that race and kill them."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx

from shared.testing import eventually
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS
from tests.support.database import free_port
from tests.support.launching import Process, forked
from tests.support.stripe_payloads import SECRET, encoded, signed

_NOWHERE = "127.0.0.1:9"


def environment(database_url: str, **changes: str) -> dict[str, str]:
    """What billing's processes are told. Stripe and the broker are nowhere: only deliveries bring events in."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("EZ_", "BILLING_"))}
    return {
        **inherited,
        "EZ_ENVIRONMENT": "test",
        "EZ_TOKEN_KEYS": TOKEN_KEYS,
        "EZ_BROKER_URL": f"amqp://guest:guest@{_NOWHERE}/",
        "BILLING_DATABASE_URL": database_url,
        "BILLING_SIGNING_KEY": PRIVATE_KEYS["catalog"],
        "BILLING_STRIPE_SECRET_KEY": "sk_test_nobody",
        "BILLING_STRIPE_WEBHOOK_SECRETS": SECRET,
        "BILLING_STRIPE_API_BASE": f"http://{_NOWHERE}",
        "BILLING_PUBLIC_URL": "https://shop.example",
        **changes,
    }


class Api:
    """One running API and a client for it."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits, trust_env=False)

    async def deliver(self, event: dict[str, Any], secret: str = SECRET) -> httpx.Response:
        """One delivery, signed now."""
        body = encoded(event)
        return await self.client.post("/webhooks/stripe", content=body, headers=signed(body, secret=secret))

    def peak_memory(self) -> int:
        """The most memory (bytes) the process has ever held."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


class BillingProcesses:
    """Starts billing's processes on one database, and ends all of them."""

    def __init__(self, database_url: str, directory: Path) -> None:
        self._url = database_url
        self._directory = directory
        self._processes: list[Process] = []
        self._apis: list[Api] = []

    async def serve(self, count: int = 1, **changes: str) -> list[Api]:
        """Starts APIs and waits until they are ready; `changes` go into their environment (EZ_CRASH_AT=…)."""
        started = []
        for _ in range(count):
            port = free_port()
            started.append(Api(self._run("serve", port, changes), port))
        self._apis += started
        for api in started:
            await self._ready(api.port, api.process)
        return started

    async def work(self, count: int = 1, **changes: str) -> "list[Process]":
        """Starts workers. They are not waited for: what they do is."""
        return [self._run("work", free_port(), changes) for _ in range(count)]

    def _run(self, command: str, port: int, changes: dict[str, str]) -> Process:
        log = self._directory / f"{command}-{len(self._processes)}.log"
        process = forked("ez", command, "billing", "--port", str(port), env=environment(self._url, **changes), log=log)
        self._processes.append(process)
        return process

    async def _ready(self, port: int, process: Process) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

            async def answers() -> bool:
                if process.poll() is not None:
                    raise RuntimeError(f"the process ended:\n{self.logs()}")
                try:
                    return (await client.get("/health/ready", timeout=5)).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(answers, what=f"the API on {port}")

    def logs(self) -> str:
        """What the processes said, for a failing test's message."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self._directory.glob("*.log")))

    async def stop(self) -> None:
        """Ends everything; what does not end in time is killed."""
        for api in self._apis:
            await api.client.aclose()
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                await asyncio.to_thread(process.wait, 60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def killed(process: Process) -> bool:
    """Waits for the process to end; whether SIGKILL did it."""
    return await asyncio.wait_for(asyncio.to_thread(process.wait), 60) == -signal.SIGKILL
