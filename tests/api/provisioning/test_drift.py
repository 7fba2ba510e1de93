"""What the provider shows is compared with our books: flagged, never repaired by making or removing machines."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog
from structlog.testing import capture_logs

from services.provisioning.adapters.breaker import CircuitBreaker
from services.provisioning.adapters.capabilities import PowerState, ProviderUnavailable
from services.provisioning.jobs.clock import clock_jobs
from services.provisioning.jobs.drift import compare_all
from services.provisioning.jobs.metrics import drift_found
from shared.kernel import new_id
from tests.support.callers import customer
from tests.support.memory_vps import MemoryMachine
from tests.support.provisioning import Provisioning


@pytest.fixture(autouse=True)
def _fresh_loggers() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def counted(kind: str) -> float:
    return float(drift_found.labels("proxmox", kind)._value.get())


async def settle(provisioning: Provisioning) -> None:
    await provisioning.execute("UPDATE provisioning.resources SET activated_at = activated_at - interval '1 hour'")


async def check(provisioning: Provisioning) -> None:
    await compare_all(provisioning.database, provisioning.tools, provisioning.pool)


async def test_a_machine_somebody_stopped_is_shown_as_stopped(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver()
    provisioning.memory.ours[0].power = PowerState.STOPPED
    await check(provisioning)
    after = await provisioning.resource(id=resource.id)
    assert (after.status, after.power) == ("active", "stopped")
    assert provisioning.memory.ours[0].power is PowerState.STOPPED


async def test_one_call_serves_all_machines(provisioning: Provisioning) -> None:
    for _ in range(3):
        await provisioning.deliver()
    await settle(provisioning)
    before = len(provisioning.memory.calls)
    await check(provisioning)
    assert provisioning.memory.calls[before:] == ["list_machines"]


async def test_a_pending_power_action_reports_by_itself(provisioning: Provisioning) -> None:
    caller = customer()
    resource = await provisioning.deliver(account_id=caller.account_id)
    provisioning.memory.ours[0].power = PowerState.STOPPED
    async with provisioning.client(caller) as client:
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
    await check(provisioning)
    assert (await provisioning.resource(id=resource.id)).power == "running"


async def test_a_missing_machine_is_flagged_once_and_never_made_again(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver()
    await settle(provisioning)
    provisioning.memory.machines.clear()
    before = counted("missing")
    with capture_logs() as logs:
        await check(provisioning)
        await check(provisioning)
    async with provisioning.working():
        after = await provisioning.until(resource.id, lambda found: found.missing_since is not None)
    assert (after.status, after.power) == ("active", "unknown")
    assert counted("missing") == before + 1
    assert [line["kind"] for line in logs if line["event"] == "drift_found"] == ["missing"]
    assert await provisioning.count("resource_history", "verb = 'missing'") == 1
    assert provisioning.memory.created == 1
    assert provisioning.memory.machines == {}


async def test_a_missing_machine_that_turns_up_is_seen(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver()
    await settle(provisioning)
    hidden = dict(provisioning.memory.machines)
    provisioning.memory.machines.clear()
    await check(provisioning)
    provisioning.memory.machines.update(hidden)
    await check(provisioning)
    after = await provisioning.resource(id=resource.id)
    assert (after.missing_since, after.power) == (None, "running")


async def test_a_machine_that_only_the_listing_leaves_out_is_not_missing(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver()
    await settle(provisioning)
    provisioning.memory.unlisted.add(resource.id)
    await check(provisioning)
    assert (await provisioning.resource(id=resource.id)).missing_since is None


async def test_a_machine_made_a_moment_ago_is_given_time_to_be_listed(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver()
    provisioning.memory.machines.clear()
    await check(provisioning)
    assert (await provisioning.resource(id=resource.id)).missing_since is None


async def test_machines_nobody_owns_and_doubles_are_reported_and_left_alone(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver()
    provisioning.memory.machines[900] = MemoryMachine(900, resource.id)
    provisioning.memory.machines[901] = MemoryMachine(901, new_id("svc"))
    orphans, doubles = counted("orphan"), counted("duplicate")
    await check(provisioning)
    assert (counted("orphan"), counted("duplicate")) == (orphans + 1, doubles + 1)
    assert {900, 901} <= set(provisioning.memory.machines)


async def test_a_machine_in_the_making_is_nobodys_orphan(provisioning: Provisioning) -> None:
    provisioning.memory.stays_off = 10_000
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
    orphans = counted("orphan")
    await check(provisioning)
    assert counted("orphan") == orphans


async def test_a_provider_that_is_away_is_no_drift(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver()
    await settle(provisioning)
    provisioning.memory.away = True
    await check(provisioning)
    breaker = CircuitBreaker(threshold=1)
    breaker.failed()
    before = len(provisioning.memory.calls)
    await provisioning.connected(breaker)
    await check(provisioning)
    assert len(provisioning.memory.calls) == before
    await provisioning.connected(CircuitBreaker())
    provisioning.memory.away = False
    provisioning.memory.machines.clear()
    provisioning.memory.fail("find", ProviderUnavailable("away"))
    await check(provisioning)
    assert (await provisioning.resource(id=resource.id)).missing_since is None


async def test_the_clock_asks_for_deadlines_drift_and_cleaning_up(provisioning: Provisioning) -> None:
    caller = customer()
    resource = await provisioning.deliver(account_id=caller.account_id)
    async with provisioning.client(caller) as client, provisioning.working():
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
        await provisioning.until(resource.id, lambda found: found.power == "stopped" and not found.pending)
    old = timedelta(days=91)
    for table in ("jobs", "inbox", "outbox"):
        await provisioning.execute(
            f"UPDATE provisioning.{table} SET state = 'done', finished_at = now() - interval '{old.days} days'"
        )
    jobs = {job.name: job for job in clock_jobs(provisioning.database, provisioning.tools, provisioning.pool, None)}
    assert {name: job.every for name, job in jobs.items()} == {
        "providers": 3600,
        "deadlines": 60,
        "removals": 60,
        "drift": 60,
        "purge": 3600,
        "promises": 60,
    }
    for job in jobs.values():
        await job.run()
    assert await provisioning.count("jobs", "intent = 'create'") == 1
    assert await provisioning.count("jobs") == 1
    assert await provisioning.count("inbox") == await provisioning.count("outbox") == 0
