"""The power button: for active services only, one action at a time, verified before it is shown."""

import asyncio

import pytest

from services.provisioning.adapters.capabilities import MachineMissing, PowerState, ProviderAmbiguous
from shared.kernel import new_id
from tests.support.callers import customer
from tests.support.provisioning import Provisioning, at_once

CALLER = customer()


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("stop", "running", "stopped"),
        ("start", "stopped", "running"),
        ("start", "running", "running"),
        ("stop", "stopped", "stopped"),
        ("reboot", "running", "running"),
        ("reboot", "stopped", "running"),
    ],
)
async def test_a_power_action_is_done_verified_and_then_shown(
    provisioning: Provisioning, action: str, before: str, after: str
) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    [machine] = provisioning.memory.ours
    machine.power = PowerState(before)
    await provisioning.execute(f"UPDATE provisioning.resources SET power = '{before}'")
    async with provisioning.client(CALLER) as client:
        answer = await client.post(f"/api/v1/services/{resource.id}/power", json={"action": action})
        assert answer.status_code == 202
        job_id = answer.json()["job_id"]
        pending = (await client.get(f"/api/v1/services/{resource.id}")).json()
        assert (pending["pending_action"], pending["power"]) == (action, before)
        async with provisioning.working():
            await provisioning.until_job(lambda job: job.state == "done", id=job_id)
        shown = (await client.get(f"/api/v1/services/{resource.id}")).json()
        assert (shown["pending_action"], shown["power"]) == (None, after)
        titles = [
            line["title"] for line in (await client.get(f"/api/v1/services/{resource.id}/timeline")).json()["data"]
        ]
    assert machine.power is PowerState(after)
    assert titles[-1] == {"start": "Started", "stop": "Stopped", "reboot": "Restarted"}[action]


async def test_eight_clicks_at_once_make_one_action(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    async with provisioning.client(CALLER) as client:
        answers = await at_once(
            8, lambda: client.post(f"/api/v1/services/{resource.id}/power", json={"action": "reboot"})
        )
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["type"].endswith("/action-in-progress")
    async with provisioning.working():
        await provisioning.until_job(lambda job: job.state == "done", intent="reboot")
    assert provisioning.memory.calls.count("reboot") == 1


async def test_the_database_itself_refuses_a_second_pending_action(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    async with provisioning.client(CALLER) as client:
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
    with pytest.raises(Exception, match="uq_jobs_pending_action"):
        await provisioning.execute(
            "INSERT INTO provisioning.jobs (id, intent, resource_id, idempotency_key, deadline_at, requested_by) "
            "SELECT gen_random_uuid(), 'start', id, 'another', now(), 'x' FROM provisioning.resources"
        )


async def test_the_same_request_sent_again_names_the_same_job(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    headers = {"Idempotency-Key": "a-key-of-my-own"}
    async with provisioning.client(CALLER) as client:
        path, body = f"/api/v1/services/{resource.id}/power", {"action": "stop"}
        answers = await at_once(5, lambda: client.post(path, json=body, headers=headers))
        assert [answer.status_code for answer in answers] == [202] * 5
        assert len({answer.json()["job_id"] for answer in answers}) == 1
        other = await client.post(path, json={"action": "start"}, headers=headers)
    assert other.status_code == 422
    assert await provisioning.count("jobs", "intent <> 'create'") == 1


@pytest.mark.bug("FOSSBilling/Proxmox #19")
@pytest.mark.parametrize("status", ["pending", "provisioning", "failed", "suspended", "terminated"])
@pytest.mark.parametrize("action", ["start", "stop", "reboot"])
async def test_only_an_active_service_has_a_power_button(provisioning: Provisioning, status: str, action: str) -> None:
    resource = await provisioning.grant(account_id=CALLER.account_id)
    await provisioning.execute(f"UPDATE provisioning.resources SET status = '{status}'")
    async with provisioning.client(CALLER) as client:
        answer = await client.post(f"/api/v1/services/{resource.id}/power", json={"action": action})
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/service-not-active")
    assert await provisioning.count("jobs", "intent <> 'create'") == 0


@pytest.mark.bug("FOSSBilling/Proxmox #19")
async def test_a_service_suspended_after_the_click_is_not_started(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    provisioning.memory.ours[0].power = PowerState.STOPPED
    async with provisioning.client(CALLER) as client:
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "start"})
    await provisioning.execute("UPDATE provisioning.resources SET status = 'suspended'")
    calls = len(provisioning.memory.calls)
    async with provisioning.working():
        job = await provisioning.until_job(lambda job: job.state == "dead", intent="start")
    assert job.last_error == "The service is suspended"
    assert len(provisioning.memory.calls) == calls
    assert provisioning.memory.ours[0].power is PowerState.STOPPED


async def test_a_power_action_whose_answer_was_lost_is_looked_at_and_finished(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    provisioning.memory.fail("stop", ProviderAmbiguous("no answer"), after=True)
    async with provisioning.client(CALLER) as client:
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.power == "stopped" and not found.pending)


async def test_a_power_action_that_cannot_be_done_leaves_the_service_active(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    provisioning.memory.fail("reboot", MachineMissing("no machine 100"))
    async with provisioning.client(CALLER) as client:
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "reboot"})
        async with provisioning.working():
            await provisioning.until_job(lambda job: job.state == "parked", intent="reboot")
        shown = (await client.get(f"/api/v1/services/{resource.id}")).json()
        assert (shown["status"], shown["pending_action"]) == ("active", None)
        assert shown["message"] == "Could not be restarted. Our staff will look at it."
        lines = (await client.get(f"/api/v1/services/{resource.id}/timeline")).json()["data"]
        assert (lines[-1]["title"], lines[-1]["state"]) == ("Could not be restarted", "failed")
        assert (await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "start"})).status_code == 202
        async with provisioning.working():
            await provisioning.until_job(lambda job: job.state == "done", intent="start")
        assert (await client.get(f"/api/v1/services/{resource.id}")).json()["message"] is None
    assert await provisioning.facts("provisioning.resource.failed.v1") == []


async def test_a_pending_action_shows_in_the_timeline_as_active(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    async with provisioning.client(CALLER) as client:
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
        lines = (await client.get(f"/api/v1/services/{resource.id}/timeline")).json()["data"]
    assert (lines[-1]["title"], lines[-1]["state"]) == ("Stopping", "active")


async def test_a_read_only_member_has_no_power_button(provisioning: Provisioning) -> None:
    caller = customer(role="read_only")
    resource = await provisioning.deliver(account_id=caller.account_id)
    async with provisioning.client(caller) as client:
        assert (await client.get(f"/api/v1/services/{resource.id}")).status_code == 200
        answer = await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "destroy"},
        {"action": None},
        {"action": ["stop"]},
        {"action": "stop", "account_id": "acc_1"},
        {"action": "stop", "force": True},
        {"action": "stop\x00"},
        [],
        "stop",
    ],
)
async def test_a_malformed_power_request_is_refused(provisioning: Provisioning, body: object) -> None:
    resource = await provisioning.grant(account_id=CALLER.account_id)
    async with provisioning.client(CALLER) as client:
        answer = await client.post(f"/api/v1/services/{resource.id}/power", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_service_of_another_account_has_no_power_button(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver()
    async with provisioning.client(CALLER) as client:
        foreign = await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
        unknown = await client.post(f"/api/v1/services/{new_id('svc')}/power", json={"action": "stop"})
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["detail"] == unknown.json()["detail"]
    await asyncio.sleep(0)
    assert await provisioning.count("jobs", "intent <> 'create'") == 0
