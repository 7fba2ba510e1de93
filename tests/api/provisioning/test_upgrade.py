"""An installation of the version before, with work in every state, is upgraded: nothing is lost or repeated."""

from typing import Any

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.database.engine import sqlalchemy_url
from shared.database.migrations import _config, upgrade
from shared.kernel import decode_id, new_id
from tests.support.callers import customer
from tests.support.database import TestDatabase
from tests.support.memory_vps import MemoryMachine
from tests.support.provisioning import Provisioning

CALLER = customer()
_RESOURCE = text(
    """
    INSERT INTO provisioning.resources (id, entitlement_id, order_id, account_id, product_type, plan_code, plan_name,
        name, template, spec, provider, machine_id, ipv4, power, delayed, created_at, status, version)
    VALUES (:id, gen_random_uuid(), gen_random_uuid(), :account, :type, 'vps-s', 'VPS S', :name, 'debian-13',
        '{"cores": 2, "memory_mb": 4096, "disk_gb": 40}', :provider, :machine, :ipv4, :power, false, now(), :status, 3)
    """
)
_JOB = text(
    """
    INSERT INTO provisioning.jobs (id, kind, resource_id, idempotency_key, deadline_at, requested_by, state, attempts)
    VALUES (:id, :kind, :resource, :key, now() + interval '1 hour', 'system', :state, 1)
    """
)
_STEP = text(
    """
    INSERT INTO provisioning.job_steps (job_id, position, name, state, tries, started_at)
    VALUES (:job, :position, :name, :state, 1, now())
    """
)
_CREATE = ("reserve", "create", "configure", "grow_disk", "start", "address", "verify")


@pytest.fixture
def ids() -> dict[str, str]:
    return {name: new_id("svc") for name in ("running", "half", "fresh", "by_hand")}


async def before(database: TestDatabase, ids: dict[str, str]) -> None:
    """The schema of the version before: a running service whose restart is pending, a delivery in the middle of its
    create, one that has not begun, and one that people make."""
    engine = create_async_engine(sqlalchemy_url(database.url("provisioning")))
    config = _config("provisioning")

    def down(connection: Any) -> None:
        config.attributes["connection"] = connection
        command.downgrade(config, "0003_waiting")

    async with engine.connect() as connection:
        await connection.run_sync(down)
    async with engine.begin() as connection:

        async def put(name: str, status: str, machine: int | None, **more: Any) -> None:
            values = {"type": "vps", "provider": "proxmox", "ipv4": None, "power": None, **more}
            given = {"id": decode_id("svc", ids[name]), "account": decode_id("acc", str(CALLER.account_id))}
            await connection.execute(_RESOURCE, {**values, **given, "name": name, "status": status, "machine": machine})

        async def job(name: str, kind: str, state: str, done: int, steps: tuple[str, ...]) -> None:
            job_id, resource = decode_id("job", new_id("job")), decode_id("svc", ids[name])
            key = f"{kind}:{name}"
            await connection.execute(
                _JOB, {"id": job_id, "kind": kind, "resource": resource, "key": key, "state": state}
            )
            for place, step in enumerate(steps):
                reached = "done" if place < done else "active" if place == done else "waiting"
                await connection.execute(_STEP, {"job": job_id, "position": place + 1, "name": step, "state": reached})

        await put("running", "active", 104, ipv4="203.0.113.104", power="running")
        await job("running", "create", "done", 7, _CREATE)
        await job("running", "reboot", "ready", 0, ("reboot", "verify"))
        await put("half", "provisioning", 105)
        await job("half", "create", "ready", 1, _CREATE)
        await put("fresh", "pending", None)
        await job("fresh", "create", "ready", 0, _CREATE)
        await put("by_hand", "pending", None, type="domain", provider=None)
        await job("by_hand", "create", "dead", 0, ())
    await engine.dispose()


async def test_resources_and_jobs_of_the_version_before_go_on(
    fresh_database: TestDatabase, ids: dict[str, str]
) -> None:
    await before(fresh_database, ids)
    await upgrade(fresh_database.url("provisioning"), "provisioning")
    process = Provisioning(fresh_database)
    for number, name in ((104, "running"), (105, "half")):
        process.memory.machines[number] = MemoryMachine(number, ids[name])
    async with process.working(), process.client(CALLER) as client:
        for name in ("half", "fresh"):
            await process.until(ids[name], lambda found: found.status == "active")
        await process.until_job(lambda job: job.state == "done", intent="reboot")
        shown = (await client.get(f"/api/v1/services/{ids['running']}")).json()
    running, half, fresh, by_hand = [await process.resource(id=ids[name]) for name in ids]
    assert (running.external_ref, half.external_ref, fresh.external_ref) == ("104", "105", "106")
    assert (shown["address"], shown["configuration"]["template"]) == ("203.0.113.104", "debian-13")
    assert [process.memory.machines[number].boots for number in (104, 105, 106)] == [1, 1, 1]
    assert process.memory.created == 1
    assert (by_hand.status, by_hand.external_ref) == ("pending", None)
    assert await process.count("providers", "used = 3 AND next_number = 107") == 1
    assert len(await process.facts("provisioning.resource.activated.v1")) == 2
    await process.close()
