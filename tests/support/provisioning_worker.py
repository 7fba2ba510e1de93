"""Provisioning's worker as a process of its own, for tests that kill it: `python -m tests.support.provisioning_worker`.

Everything it needs comes from the environment, as in production; the bus is its own and empty.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

from services.provisioning.main import create_service
from services.provisioning.settings import ProvisioningSettings
from shared.messaging import LocalBroker, LocalTransport
from tests.support.callers import TOKEN_KEYS
from tests.support.database import TestDatabase
from tests.support.hypervisor_sandbox import SETTINGS, HypervisorProcess
from tests.support.launching import Process, forked


def environment(database: TestDatabase, hypervisor: HypervisorProcess) -> dict[str, str]:
    """What a worker for this database and this hypervisor is told."""
    return {
        "EZ_ENVIRONMENT": "test",
        "EZ_TOKEN_KEYS": TOKEN_KEYS,
        "PROVISIONING_DATABASE_URL": database.url("provisioning"),
        "PROVISIONING_PROXMOX_URL": hypervisor.url,
        "PROVISIONING_PROXMOX_TOKEN": f"{SETTINGS.token_id}={SETTINGS.token_secret.get_secret_value()}",
    }


@contextmanager
def worker_process(database: TestDatabase, hypervisor: HypervisorProcess, *, crash_at: str = "") -> Iterator[Process]:
    """A started worker that dies at the named point; ended for certain when the block ends."""
    given = {**os.environ, **environment(database, hypervisor), "EZ_CRASH_AT": crash_at}
    process = forked("tests.support.provisioning_worker", env=given)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(create_service(ProvisioningSettings(), LocalTransport(LocalBroker())).worker.run())
