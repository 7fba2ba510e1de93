"""The whole journey with every API and worker as its own process, over RabbitMQ, and through crashes."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from shared.testing import eventually
from tests.support.distributed import Distributed

pytestmark = [pytest.mark.distributed]


@pytest_asyncio.fixture(scope="module")
async def running() -> AsyncIterator[Distributed]:
    """A whole deployment, shared by the tests of this module."""
    with tempfile.TemporaryDirectory(prefix="ez-dist-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        deployment = Distributed(Path(directory))
        try:
            await deployment.start()
            yield deployment
        finally:
            await deployment.stop()


async def _books(running: Distributed) -> dict[str, int]:
    """What must be equal after everything has settled, read from the schemas, the hypervisor and the mailbox."""
    connection = await asyncpg.connect(running.postgres.admin_url)
    try:
        counts = {
            "paid items": await connection.fetchval(
                "SELECT coalesce(sum(i.quantity), 0) FROM catalog.order_items i "
                "JOIN catalog.orders o ON o.id = i.order_id WHERE o.status IN ('paid', 'fulfilled')"
            ),
            "entitlements": await connection.fetchval("SELECT count(*) FROM catalog.entitlements"),
            "active resources": await connection.fetchval(
                "SELECT count(*) FROM provisioning.resources WHERE status = 'active'"
            ),
        }
    finally:
        await connection.close()
    with sqlite3.connect(running.directory / "mail.sqlite") as mail:
        counts["welcome mails"] = mail.execute("SELECT count(*) FROM mail WHERE subject LIKE '%is ready%'").fetchone()[
            0
        ]
    return {name: int(count) for name, count in counts.items()}


async def test_a_customer_buys_a_vps_over_the_public_api(running: Distributed) -> None:
    outcome = await running.demo()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr + running.logs()
    assert len(set((await _books(running)).values())) == 1


def _lines(running: Distributed, process: str) -> list[dict[str, object]]:
    """What a process has logged."""
    text = (running.directory / f"{process}.log").read_text(errors="replace")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


async def test_one_trace_id_finds_an_orders_lines_in_every_process(running: Distributed) -> None:
    outcome = await running.demo()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr + running.logs()
    connection = await asyncpg.connect(running.postgres.admin_url)
    order = (await connection.fetchval("SELECT id FROM catalog.orders ORDER BY created_at DESC LIMIT 1")).hex
    await connection.close()
    processes = ("gateway", "catalog-api", "billing-api", "billing-worker", "catalog-worker", "provisioning-worker")

    async def all_speak() -> bool:
        speaking = {name for name in (*processes, "support-worker") if _speaks_of(running, name, order)}
        return speaking == {*processes, "support-worker"}

    await eventually(all_speak, what=f"lines of {order} in every process")
    assert all(line.get("trace_id") for name in processes[:3] for line in _lines(running, name) if "route" in line)


def _speaks_of(running: Distributed, process: str, trace: str) -> bool:
    return any(line.get("trace_id") == trace for line in _lines(running, process))


# Where each process dies, one place after another.
CRASHES = {
    "catalog-api": ["catalog.after_commit", "catalog.checkout.after_billing"],
    "billing-api": ["billing.checkout.after_call", "billing.intake.after_commit"],
    "billing-worker": [
        "billing.stripe_events.after_claim",
        "billing.before_commit",
        "billing.after_commit",
        "billing.relay.before_publish",
        "billing.relay.after_publish",
    ],
    "catalog-worker": [
        "catalog.inbox.before_handle",
        "catalog.before_commit",
        "catalog.inbox.after_commit",
        "catalog.relay.after_publish",
    ],
    "provisioning-worker": [
        "provisioning.inbox.after_commit",
        "provisioning.jobs.after_claim",
        "provisioning.before_create",
        "provisioning.after_create",
        "provisioning.before_activate",
        "provisioning.relay.before_publish",
    ],
    "support-worker": [
        "support.inbox.before_handle",
        "support.notifications.before_send",
        "support.notifications.after_send",
    ],
}


@pytest.mark.crash
@pytest.mark.parametrize("process", CRASHES)
async def test_a_crash_anywhere_still_gives_one_of_everything(running: Distributed, process: str) -> None:
    supervisor = _Supervisor(running, process, CRASHES[process])
    while supervisor.armed:
        point = supervisor.armed
        outcome = await supervisor.demo()
        assert supervisor.armed != point, f"{point} was never reached"
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr + running.logs()
        assert len(set((await _books(running)).values())) == 1, await _books(running)


class _Supervisor:
    """Restarts the process whenever it has died, as a container platform would, to die at the next place."""

    def __init__(self, running: Distributed, name: str, points: Sequence[str]) -> None:
        self._running = running
        self._name = name
        self._points = iter(points)
        running.kill(name)
        self._restart()

    def _restart(self) -> None:
        self.armed = next(self._points, None)
        self._process = self._running.run(self._name, **({"EZ_CRASH_AT": self.armed} if self.armed else {}))

    async def demo(self) -> "subprocess.CompletedProcess[str]":
        """Runs the demo while watching over the process."""
        demo = asyncio.create_task(self._running.demo())
        while not demo.done():
            await self._watch()
            await asyncio.sleep(0.05)
        await self._watch()
        return demo.result()

    async def _watch(self) -> None:
        if self.armed and self._process.poll() is not None:
            assert self._process.returncode == -signal.SIGKILL, self._running.logs()
            await self._end_leases()
            self._restart()

    async def _end_leases(self) -> None:
        """What the dead process held is free at once: that its lease ends by itself, others wait for and see."""
        schema, _, part = self._name.partition("-")
        if part != "worker":
            return
        connection = await asyncpg.connect(self._running.postgres.admin_url)
        try:
            leased = await connection.fetch(
                "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.columns "
                "WHERE column_name = 'lease_token' AND table_schema = $1",
                schema,
            )
            for table in leased:
                held = "lease_token IS NOT NULL AND state = 'ready'"
                await connection.execute(f"UPDATE {table['name']} SET next_attempt_at = now() WHERE {held}")
        finally:
            await connection.close()
