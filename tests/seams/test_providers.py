"""Two providers as rows: who gets what, who gets nothing, and one switch that stops all writing."""

import asyncio
from typing import Any

import httpx
import pytest

from services.provisioning.domain import CREATE, HELD, NO_ROOM
from shared.kernel import Principal
from tests.api.provisioning.conftest import provisioning
from tests.support.callers import customer, staff
from tests.support.memory_vps import MemoryVps
from tests.support.provisioning import Provisioning

__all__ = ["provisioning"]

OPERATIONS = staff("operations")
SECOND: dict[str, Any] = {
    "name": "helsinki",
    "kind": "proxmox",
    "product_types": ["vps"],
    "endpoint": "https://pve.hel.example.net:8006",
    "secret_ref": "env:PROVISIONING_PROXMOX_TOKEN",
    "regions": ["hel"],
    "settings": {"node": "pve7"},
    "capacity": 2,
    "reason": "A second house",
}


async def providers(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    answer = (await client.get("/api/v1/staff/providers")).json()
    return {row["name"]: row for row in answer["data"]}


async def with_second(provisioning: Provisioning, client: httpx.AsyncClient, **changes: Any) -> MemoryVps:
    await provisioning.ready()
    second = MemoryVps()
    provisioning.connectors["helsinki"] = second
    answer = await client.post("/api/v1/staff/providers", json={**SECOND, **changes})
    assert answer.status_code == 201, answer.text
    return second


async def moved(client: httpx.AsyncClient, name: str, verb: str) -> httpx.Response:
    row = (await providers(client))[name]
    return await client.post(f"/api/v1/staff/providers/{row['id']}/{verb}", json={"reason": "Maintenance"})


async def test_work_goes_where_its_region_is_and_else_where_most_room_is(provisioning: Provisioning) -> None:
    async with provisioning.client(OPERATIONS) as client:
        second = await with_second(provisioning, client)
        first = (await providers(client))["proxmox"]
        change = {"capacity": 3, "regions": ["fra"], "version": first["version"], "reason": "Counted"}
        assert (await client.patch(f"/api/v1/staff/providers/{first['id']}", json=change)).status_code == 200
        hel = {"configuration": {"template": "debian-12", "region": "hel"}}
        in_helsinki = await provisioning.deliver(**hel)
        anywhere = [await provisioning.deliver(), await provisioning.deliver()]
        assert in_helsinki.provider == "helsinki"
        assert [resource.provider for resource in anywhere] == ["proxmox", "proxmox"]
        shown = await providers(client)
    assert len(second.machines) == 1
    assert (shown["proxmox"]["used"], shown["helsinki"]["used"]) == (2, 1)
    assert "secret" not in {key for row in shown.values() for key in row}


@pytest.mark.fault(20)
async def test_the_last_place_is_given_once_and_who_gets_none_waits_for_room(provisioning: Provisioning) -> None:
    caller = customer()
    async with provisioning.client(OPERATIONS) as client, provisioning.client(caller) as theirs:
        await provisioning.ready()
        first = (await providers(client))["proxmox"]
        path = f"/api/v1/staff/providers/{first['id']}"
        one = {"capacity": 1, "version": first["version"], "reason": "One place"}
        assert (await client.patch(path, json=one)).status_code == 200
        resources = [await provisioning.grant(account_id=caller.account_id) for _ in range(4)]
        async with provisioning.working():
            while await provisioning.count("resources", "delayed") < 3:
                await asyncio.sleep(0.02)
            while await provisioning.count("resources", "status = 'active'") < 1:
                await asyncio.sleep(0.02)
            assert provisioning.memory.created == 1
            waiting = [row["id"] for row in (await theirs.get("/api/v1/services")).json()["data"] if row["delayed"]]
            shown = (await theirs.get(f"/api/v1/services/{waiting[0]}")).json()
            assert (shown["message"], shown["state"]) == (NO_ROOM, "delayed")
            job = await provisioning.job(resource_id=waiting[0])
            assert (job.last_error, job.attempts) == ("No open provider has room for a vps", 0)
            more = {"capacity": None, "version": first["version"] + 1, "reason": "More places"}
            assert (await client.patch(path, json=more)).status_code == 200
            for resource in resources:
                await provisioning.until(resource.id, lambda found: found.status == "active")
    assert await provisioning.count("providers", "used = 4") == 1


@pytest.mark.parametrize(("verb", "goes_on"), [("fill", True), ("pause", False)])
async def test_what_is_full_or_paused_takes_no_new_work(provisioning: Provisioning, verb: str, goes_on: bool) -> None:
    """What runs at a full one goes on; a paused one is in somebody's hands, and what is for it waits."""
    caller = customer()
    resource = await provisioning.deliver(account_id=caller.account_id)
    async with provisioning.client(OPERATIONS) as client, provisioning.client(caller) as theirs:
        assert (await moved(client, "proxmox", verb)).json()["state"] == {"fill": "full", "pause": "paused"}[verb]
        second = await with_second(provisioning, client)
        assert (await provisioning.deliver()).provider == "helsinki"
        assert len(second.machines) == 1
        await theirs.post(f"/api/v1/services/{resource.id}/power", json={"action": "reboot"})
        calls = len(provisioning.memory.calls)
        async with provisioning.working():
            if goes_on:
                await provisioning.until_job(lambda job: job.state == "done", intent="reboot")
            else:
                held = await provisioning.until_job(lambda job: job.last_error is not None, intent="reboot")
                assert (held.last_error, held.attempts, held.state) == ("Provider proxmox is paused", 0, "ready")
                assert len(provisioning.memory.calls) == calls
                await moved(client, "proxmox", "open")
                await provisioning.until_job(lambda job: job.state == "done", intent="reboot")
        assert (await provisioning.deliver()).provider in ("helsinki", "proxmox")


async def test_one_switch_stops_every_write_and_loses_nothing(provisioning: Provisioning) -> None:
    gate = provisioning.memory.gates["create"] = asyncio.Event()
    resource, path = await provisioning.grant(), "/api/v1/staff/switches/provider-writes"
    async with provisioning.client(OPERATIONS) as client, provisioning.working():
        await provisioning.until_job(lambda job: job.step("create").state == "active", intent=CREATE)
        answer = await client.put(path, json={"engaged": True, "reason": "Something is deleting machines"})
        assert answer.json()["engaged"] is True
        gate.set()
        held = await provisioning.until_job(lambda job: job.step("configure").detail is not None, intent=CREATE)
        assert held.step("create").state == "done"
        assert (held.state, held.attempts, held.step("configure").state) == ("ready", 0, "waiting")
        assert held.last_error == "All writes to providers are stopped: Something is deleting machines"
        shown = await provisioning.resource(id=resource.id)
        assert (shown.status, shown.message) == ("provisioning", HELD)
        assert "configure" not in provisioning.memory.calls
        late = await provisioning.grant()
        await provisioning.until_job(lambda job: job.last_error is not None, resource_id=late.id)
        assert provisioning.memory.created == 1
        overview = (await client.get("/api/v1/staff/overview/provisioning")).json()
        assert (overview["writes"]["engaged"], overview["waiting_jobs"]) == (True, 2)
        await client.put(path, json={"engaged": False, "reason": "Found it"})
        for each in (resource, late):
            await provisioning.until(each.id, lambda found: found.status == "active")
    assert await provisioning.count("switch_history") == 2
    assert await provisioning.count("jobs", "attempts <> 1") == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "vmware"}, "kind"),
        ({"product_types": ["domain"]}, "product_types"),
        ({"secret_ref": "env:PROVISIONING_DATABASE_URL"}, "secret_ref"),
        ({"secret_ref": "hunter2"}, "secret_ref"),
        ({"secret_ref": "env:PROVISIONING_PROVIDER_NOWHERE"}, "secret_ref"),
    ],
)
async def test_a_provider_that_cannot_be_used_is_refused_with_its_field(
    provisioning: Provisioning, changes: dict[str, Any], field: str
) -> None:
    async with provisioning.client(OPERATIONS) as client:
        answer = await client.post("/api/v1/staff/providers", json={**SECOND, **changes})
    assert answer.status_code == 422
    assert f"/{field}" in answer.text
    assert await provisioning.count("providers", "name = 'helsinki'") == 0


async def test_changes_are_made_on_what_was_seen_and_are_kept_with_who_and_why(provisioning: Provisioning) -> None:
    async with provisioning.client(OPERATIONS) as client:
        await with_second(provisioning, client)
        row = (await providers(client))["helsinki"]
        path = f"/api/v1/staff/providers/{row['id']}"
        change = {"capacity": 9, "version": row["version"], "reason": "More discs"}
        assert (await client.patch(path, json=change)).json()["capacity"] == 9
        stale = await client.patch(path, json={**change, "capacity": 1})
        assert (stale.status_code, stale.json()["type"].rpartition("/")[2]) == (409, "changed-meanwhile")
        assert (await client.post("/api/v1/staff/providers", json=SECOND)).status_code == 409
        assert (await client.patch(path, json={"version": 2, "reason": ""})).status_code == 422
    assert (
        await provisioning.count(
            "provider_history", f"reason = 'More discs' AND by = '{OPERATIONS.subject}' AND verb = 'change'"
        )
        == 1
    )


async def test_the_environments_provider_becomes_a_row_once_and_is_never_overwritten(
    provisioning: Provisioning,
) -> None:
    async with provisioning.client(OPERATIONS) as client:
        await provisioning.ready()
        row = (await providers(client))["proxmox"]
        change = {"endpoint": "https://moved.example.net:8006", "version": row["version"], "reason": "It moved"}
        await client.patch(f"/api/v1/staff/providers/{row['id']}", json=change)
        provisioning.again()
        await provisioning.ready()
        assert (await providers(client))["proxmox"]["endpoint"] == "https://moved.example.net:8006"
    assert await provisioning.count("providers") == 1


@pytest.mark.parametrize(
    "caller", [staff("support"), staff("finance"), customer()], ids=["support", "finance", "owner"]
)
async def test_only_operations_turn_switches_and_change_providers(
    provisioning: Provisioning, caller: Principal
) -> None:
    async with provisioning.client(caller) as client:
        for method, path, body in (
            ("PUT", "switches/provider-writes", {"engaged": True, "reason": "why not"}),
            ("POST", "providers", SECOND),
        ):
            assert (await client.request(method, f"/api/v1/staff/{path}", json=body)).status_code == 403
    assert await provisioning.count("switches") == await provisioning.count("providers", "name = 'helsinki'") == 0
