"""The connector while its provider is slow, away or unreadable: what is transient is said to be."""

import asyncio

import pytest

from services.provisioning.adapters.capabilities import MachineRef, PowerState, ProviderUnavailable
from services.provisioning.adapters.proxmox import Password
from tests.support.failing_hypervisor import (
    SPEC,
    Connect,
    connect,
    created_in_the_end,
    hypervisor,
    quick,
    ref,
    slow,
    slow_hypervisor,
)
from tests.support.hypervisor_sandbox import HypervisorProcess

__all__ = ["connect", "hypervisor", "quick", "ref", "slow", "slow_hypervisor"]


@pytest.mark.parametrize("path", ["/config$", "/cluster/resources$", "/status/current$"])
@pytest.mark.parametrize("kind", ["error", "drop", "malformed", "hang"])
async def test_a_read_that_fails_is_transient_and_creates_nothing_twice(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef, path: str, kind: str
) -> None:
    hypervisor.inject(kind=kind, method="GET", path=path, seconds=1)
    assert await created_in_the_end(connect(hypervisor), ref) == [ProviderUnavailable]
    assert len(hypervisor.machines()) == 1


async def test_a_task_is_followed_through_failing_looks(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(hypervisor)
    await connector.create(ref.reference, ref.machine_id, SPEC)
    hypervisor.inject(kind="error", status=596, method="GET", path="/tasks/", count=4)
    await connector.start(ref)
    assert await connector.state(ref) is PowerState.RUNNING


async def test_an_answer_that_trickles_in_for_ever_is_given_up(connect: Connect, ref: MachineRef) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.1)

    process = HypervisorProcess()
    async with await asyncio.start_server(trickle, "127.0.0.1", process.port):
        async with asyncio.timeout(3):
            with pytest.raises(ProviderUnavailable):
                await connect(process).find(ref.reference)
    process.stop()


async def test_an_outage_is_transient_and_over_when_it_is_over(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(hypervisor)
    hypervisor.outage("on")
    with pytest.raises(ProviderUnavailable):
        await connector.create(ref.reference, ref.machine_id, SPEC)
    hypervisor.outage("off")
    assert await created_in_the_end(connector, ref) == []


async def test_a_ticket_that_ran_out_is_renewed(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    connector = connect(hypervisor, credentials=Password("root@pam", "secret"))
    await connector.create(ref.reference, ref.machine_id, SPEC)
    hypervisor.inject(kind="error", status=401, method="POST", path="/config$")
    await connector.configure(ref, SPEC)
    assert hypervisor.machines()[0]["name"] == "web-1.example.com"


async def test_the_wait_that_the_provider_asks_for_is_passed_on(
    hypervisor: HypervisorProcess, connect: Connect, ref: MachineRef
) -> None:
    hypervisor.inject(kind="error", status=429, retry_after=7)
    with pytest.raises(ProviderUnavailable) as refused:
        await connect(hypervisor).find(ref.reference)
    assert refused.value.retry_after == 7


async def test_nobody_listening_is_transient(connect: Connect, ref: MachineRef) -> None:
    process = HypervisorProcess()
    with pytest.raises(ProviderUnavailable):
        await connect(process).create(ref.reference, ref.machine_id, SPEC)
    process.stop()
