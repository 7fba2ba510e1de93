"""The distributed form: a worker is frozen in the middle of a delivery, another takes over, the frozen one wakes up."""

import asyncio
import json
import signal
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from shared.testing import eventually
from tests.support.distributed import Distributed

pytestmark = [pytest.mark.distributed, pytest.mark.fault(33)]


@pytest_asyncio.fixture(scope="module")
async def running() -> AsyncIterator[Distributed]:
    """A whole deployment."""
    with tempfile.TemporaryDirectory(prefix="ez-zombie-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        deployment = Distributed(Path(directory))
        try:
            await deployment.start()
            yield deployment
        finally:
            for process in deployment.processes.values():
                process.send_signal(signal.SIGCONT)
            await deployment.stop()


def hypervisor(running: Distributed, method: str, path: str, body: Any = None) -> Any:
    """A call to the stand-in hypervisor's own controls."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"PVEAPIToken={running.hypervisor_token}", "Content-Type": "application/json"}
    call = urllib.request.Request(f"{running.hypervisor_url}{path}", data, headers, method=method)
    with urllib.request.urlopen(call, timeout=10) as answer:
        raw = answer.read()
    return json.loads(raw) if raw else None


async def ask(running: Distributed, question: str) -> Any:
    """One value from the books."""
    connection = await asyncpg.connect(running.postgres.admin_url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_a_worker_frozen_in_the_middle_of_a_delivery_cannot_write_when_it_wakes(running: Distributed) -> None:
    await asyncio.to_thread(
        hypervisor,
        running,
        "POST",
        "/_sandbox/faults",
        {"kind": "hang", "seconds": 3, "method": "POST", "path": "/clone$"},
    )
    buying = asyncio.create_task(running.demo())

    async def creating() -> Any:
        return await ask(running, "SELECT true FROM provisioning.job_steps WHERE name = 'create' AND state = 'active'")

    await eventually(creating, within=90, what="a machine being made")
    running.kill("provisioning-worker", signal.SIGSTOP)
    token = await ask(running, "SELECT lease_token FROM provisioning.jobs")

    successor = "provisioning-worker-successor"
    running.work("provisioning", successor)
    outcome = await buying  # the lease ends by itself, the successor delivers, the welcome mail arrives
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr + running.logs()
    before = await _books(running)
    assert before["leases"] == [None]

    # It wakes, still believing in its lease; its call to the hypervisor returns; it tries to record that.
    running.kill("provisioning-worker", signal.SIGCONT)
    woken = running.directory / "provisioning-worker.log"

    async def spoken() -> bool:
        return "lease_lost" in await asyncio.to_thread(woken.read_text)

    await eventually(spoken, what="the woken worker refused")
    assert token is not None
    assert await _books(running) == before
    machines = await asyncio.to_thread(hypervisor, running, "GET", "/_sandbox/machines")
    assert len([machine for machine in machines["data"] if not machine["template"]]) == 1


async def _books(running: Distributed) -> dict[str, Any]:
    """The rows a late write could change."""
    connection = await asyncpg.connect(running.postgres.admin_url)
    try:
        jobs = await connection.fetch("SELECT state, lease_token, attempts, finished_at FROM provisioning.jobs")
        resources = await connection.fetch("SELECT status, version, external_ref, address FROM provisioning.resources")
        facts = await connection.fetch("SELECT id, state FROM provisioning.outbox ORDER BY id")
        return {
            "leases": [row["lease_token"] for row in jobs],
            "jobs": [tuple(row) for row in jobs],
            "resources": [tuple(row) for row in resources],
            "facts": [tuple(row) for row in facts],
        }
    finally:
        await connection.close()
