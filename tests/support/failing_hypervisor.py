"""A hypervisor that fails as it is told to, the connector to it, and what is left there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from services.provisioning.adapters.capabilities import MachineRef, MachineSpec, ProviderError
from services.provisioning.adapters.proxmox import ApiToken, Password, ProxmoxConnector, ProxmoxSettings
from shared.kernel.ids import new_id
from shared.web.client import http_client
from tests.support.hypervisor_sandbox import SETTINGS, HypervisorProcess, hypervisor_process

SPEC = MachineSpec("web-1.example.com", "debian-12", cores=2, memory_mb=2048, disk_gb=20)
CLONE = {"method": "POST", "path": "/clone$"}
Connect = Callable[..., ProxmoxConnector]


@pytest.fixture(scope="module")
def quick() -> Iterator[HypervisorProcess]:
    """Tasks finish at once."""
    with hypervisor_process() as process:
        yield process


@pytest.fixture(scope="module")
def slow() -> Iterator[HypervisorProcess]:
    """A clone takes about half a second, a third of it as a placeholder."""
    with hypervisor_process(time_scale=0.3) as process:
        yield process


@pytest.fixture
def hypervisor(quick: HypervisorProcess) -> HypervisorProcess:
    quick.reset()
    return quick


@pytest.fixture
def slow_hypervisor(slow: HypervisorProcess) -> HypervisorProcess:
    slow.reset()
    return slow


@pytest.fixture
def ref() -> MachineRef:
    return MachineRef(new_id("svc"), 101)


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes connectors; every one is closed at the end."""
    token = ApiToken(SETTINGS.token_id, SETTINGS.token_secret.get_secret_value())
    async with AsyncExitStack() as stack:

        def make(process: HypervisorProcess, **changes: float | Password) -> ProxmoxConnector:
            settings = ProxmoxSettings(
                url=process.url,
                node="pve1",
                credentials=token,
                poll_interval=0.02,
                request_timeout=0.5,
                reappearance_timeout=0.3,
            )
            connector = ProxmoxConnector(replace(settings, **changes), http_client)  # type: ignore[arg-type]
            stack.push_async_callback(connector.aclose)
            return connector

        yield make


async def created_in_the_end(connector: ProxmoxConnector, ref: MachineRef, tries: int = 8) -> list[type[Exception]]:
    """Create as a job does: again after every failure, with the same id. Returns what went wrong on the way."""
    failures: list[type[Exception]] = []
    for _ in range(tries):
        try:
            machine = await connector.create(ref.reference, ref.machine_id, SPEC)
        except ProviderError as failure:
            failures.append(type(failure))
            await asyncio.sleep(0.1)
            continue
        assert machine.ref == ref
        return failures
    raise AssertionError(f"never created: {failures}")


def ours(process: HypervisorProcess, reference: str) -> list[object]:
    return [row["vmid"] for row in process.machines() if reference in f"{row['description']} {row['tags']}"]
