"""Staff see every service and every job, and give a job another chance."""

import asyncio

import pytest

from services.provisioning.adapters.capabilities import NeedsHuman, ProviderRejected, ProviderUnavailable
from services.provisioning.domain import CREATE
from shared.kernel import new_id
from tests.support.callers import customer, staff
from tests.support.provisioning import Provisioning, at_once

STAFF = staff("operations")


async def retry(provisioning: Provisioning, job_id: str) -> tuple[int, str]:
    async with provisioning.client(STAFF) as client:
        answer = await client.post(f"/api/v1/staff/jobs/{job_id}/retry")
        return answer.status_code, answer.json().get("type", "").rpartition("/")[2]


@pytest.mark.parametrize("error", [ProviderRejected("bad name"), NeedsHuman("no space left")])
async def test_a_failed_delivery_goes_on_where_it_stopped(
    provisioning: Provisioning, error: ProviderRejected | NeedsHuman
) -> None:
    provisioning.memory.fail("start", error)
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
    job = await provisioning.job(intent=CREATE)
    assert await retry(provisioning, job.id) == (202, "")
    retried = await provisioning.resource(id=resource.id)
    assert (retried.status, retried.message) == ("provisioning", None)
    assert (await provisioning.job(intent=CREATE)).step("start").state == "waiting"
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "active")
    assert provisioning.memory.calls.count("create") == 1
    assert len(await provisioning.facts("provisioning.resource.failed.v1")) == 1


async def test_every_new_failure_is_a_new_version_and_is_published(provisioning: Provisioning) -> None:
    provisioning.memory.fail("start", ProviderRejected("bad name"), count=2)
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
        assert (await retry(provisioning, (await provisioning.job(intent=CREATE)).id))[0] == 202
        await provisioning.until_job(lambda job: job.state == "dead" and job.step("start").tries == 2, intent=CREATE)
    first, second = await provisioning.facts("provisioning.resource.failed.v1")
    assert second["version"] > first["version"]


async def test_a_waiting_job_is_made_due_now(provisioning: Provisioning) -> None:
    provisioning.memory.fail("create", ProviderUnavailable("later", retry_after=600))
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.delayed)
        job = await provisioning.until_job(lambda job: job.lease_token is None, intent=CREATE)
        assert (await retry(provisioning, job.id))[0] == 202
        await provisioning.until(resource.id, lambda found: found.status == "active")


async def test_retry_while_the_automatic_retry_runs_is_refused_and_makes_no_second_machine(
    provisioning: Provisioning,
) -> None:
    provisioning.memory.fail("create", ProviderUnavailable("away"))
    gate = provisioning.memory.gates["configure"] = asyncio.Event()
    resource = await provisioning.grant()
    async with provisioning.working():
        job = await provisioning.until_job(lambda job: job.step("configure").state == "active", intent=CREATE)
        outcomes = await at_once(5, lambda: retry(provisioning, job.id))
        assert outcomes == [(409, "job-running")] * 5
        gate.set()
        await provisioning.until(resource.id, lambda found: found.status == "active")
    assert provisioning.memory.created == 1
    assert provisioning.memory.calls.count("configure") == 1


async def test_a_retry_pressed_many_times_runs_the_job_once(provisioning: Provisioning) -> None:
    provisioning.memory.fail("create", NeedsHuman("full"))
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
        job = await provisioning.job(intent=CREATE)
        outcomes = await at_once(10, lambda: retry(provisioning, job.id))
        assert {status for status, _ in outcomes} <= {202, 409}
        assert (202, "") in outcomes
        await provisioning.until(resource.id, lambda found: found.status == "active")
    assert provisioning.memory.created == 1
    assert len(await provisioning.facts("provisioning.resource.activated.v1")) == 1


async def test_a_done_job_cannot_be_retried(provisioning: Provisioning) -> None:
    await provisioning.deliver()
    assert await retry(provisioning, (await provisioning.job(intent=CREATE)).id) == (409, "job-done")


async def test_a_job_whose_worker_was_killed_may_be_retried_once_its_lease_is_over(provisioning: Provisioning) -> None:
    await provisioning.grant()
    async with provisioning.database.work() as work:
        [held] = await provisioning.queue.claim(work.session, 1)
    assert await retry(provisioning, held.id) == (409, "job-running")
    await provisioning.execute("UPDATE provisioning.jobs SET next_attempt_at = now() - interval '1 second'")
    assert await retry(provisioning, held.id) == (202, "")


async def test_what_no_connector_makes_cannot_be_retried(provisioning: Provisioning) -> None:
    await provisioning.grant(product_type="hosting")
    assert await retry(provisioning, (await provisioning.job(intent=CREATE)).id) == (409, "no-connector")


async def test_a_retry_gives_as_much_time_as_at_first(provisioning: Provisioning) -> None:
    provisioning.memory.fail("create", NeedsHuman("full"))
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
    await provisioning.execute("UPDATE provisioning.jobs SET deadline_at = now() - interval '1 day'")
    job = await provisioning.job(intent=CREATE)
    await retry(provisioning, job.id)
    assert (await provisioning.job(intent=CREATE)).deadline_at > job.created_at


async def dead_power_job(provisioning: Provisioning) -> tuple[str, str]:
    caller = customer()
    resource = await provisioning.deliver(account_id=caller.account_id)
    provisioning.memory.fail("stop", ProviderRejected("no"))
    async with provisioning.client(caller) as client, provisioning.working():
        answer = await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
        await provisioning.until_job(lambda job: job.state == "dead", id=answer.json()["job_id"])
        assert answer.status_code == 202
    async with provisioning.client(caller) as client:
        other = await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "reboot"})
        assert other.status_code == 202
    return resource.id, answer.json()["job_id"]


async def test_a_dead_power_action_is_not_revived_beside_a_pending_one(provisioning: Provisioning) -> None:
    _, job_id = await dead_power_job(provisioning)
    assert await retry(provisioning, job_id) == (409, "action-in-progress")
    async with provisioning.client(STAFF) as client:
        answer = await client.post(f"/api/v1/staff/dead-letters/provisioning/jobs/{job_id}/replay")
    assert answer.status_code == 404
    async with provisioning.working():
        await provisioning.until_job(lambda job: job.state == "done", intent="reboot")
    assert await retry(provisioning, job_id) == (202, "")
    async with provisioning.working():
        await provisioning.until_job(lambda job: job.state == "done", id=job_id)


async def test_a_power_action_of_a_suspended_service_is_not_revived(provisioning: Provisioning) -> None:
    _, job_id = await dead_power_job(provisioning)
    await provisioning.execute("UPDATE provisioning.resources SET status = 'suspended'")
    assert await retry(provisioning, job_id) == (409, "service-not-active")


async def test_a_dead_delivery_replayed_from_the_dead_letters_is_delivered(provisioning: Provisioning) -> None:
    provisioning.memory.fail("create", ProviderRejected("bad"))
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
    await provisioning.execute("UPDATE provisioning.jobs SET deadline_at = now() - interval '1 day'")
    async with provisioning.client(STAFF) as client:
        [letter] = (await client.get("/api/v1/staff/dead-letters/provisioning")).json()["data"]
        assert (letter["queue"], letter["label"], letter["failure_class"]) == ("jobs", "create", "permanent")
        path = f"/api/v1/staff/dead-letters/provisioning/jobs/{letter['id']}/replay"
        assert (await client.post(path)).status_code == 202
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "active")


async def test_the_list_of_jobs_tells_states_apart_and_is_searched(provisioning: Provisioning) -> None:
    active = await provisioning.deliver(hostname="shop.example.com")
    provisioning.memory.fail("create", ProviderRejected("bad name"))
    failed = await provisioning.grant(hostname="blog.example.com")
    async with provisioning.working():
        await provisioning.until(failed.id, lambda found: found.status == "failed")
    provisioning.memory.fail("create", ProviderUnavailable("away", retry_after=600))
    waiting = await provisioning.grant(hostname="100%_odd\\name")
    async with provisioning.working():
        await provisioning.until(waiting.id, lambda found: found.delayed)
    running = await provisioning.grant(hostname="busy.example.com")
    async with provisioning.database.work() as work:
        await provisioning.queue.claim(work.session, 1)
    fresh = await provisioning.grant(hostname="fresh.example.com")

    async with provisioning.client(STAFF) as client:

        async def found(**query: str) -> list[tuple[str, str]]:
            answer = await client.get("/api/v1/staff/jobs", params=query)
            assert answer.status_code == 200, answer.text
            return [(job["service"]["id"], job["state"]) for job in answer.json()["data"]]

        states = [
            (fresh.id, "ready"),
            (running.id, "running"),
            (waiting.id, "waiting"),
            (failed.id, "dead"),
            (active.id, "done"),
        ]
        assert await found() == states
        assert await found(state="ready") == states[:3]
        assert await found(state="running") == states[1:2]
        assert await found(state="waiting") == states[2:3]
        assert await found(state="dead") == states[3:4]
        assert await found(state="parked") == []
        assert await found(q="SHOP") == states[4:]
        assert await found(q="100%_") == states[2:3]
        assert await found(q="100x") == []
        assert await found(q=failed.id) == states[3:4]
        assert await found(q=failed.account_id) == states[3:4]
        assert await found(q=failed.account_id, state="dead") == states[3:4]
        assert await found(q=failed.account_id, state="ready") == []
        assert await found(q=new_id("acc"), state="dead") == []
        assert await found(q=failed.order_id) == states[3:4]
        assert await found(q=new_id("svc")) == []
        [job] = (await client.get("/api/v1/staff/jobs", params={"state": "dead"})).json()["data"]
        assert job["last_error"] == "bad name"
        assert (job["failure_class"], job["customer"]["account_id"]) == ("permanent", failed.account_id)
        detail = (await client.get(f"/api/v1/staff/jobs/{job['id']}")).json()
        assert [(step["name"], step["state"]) for step in detail["steps"][:3]] == [
            ("reserve", "done"),
            ("create", "failed"),
            ("configure", "waiting"),
        ]
        assert detail["steps"][1]["detail"] == "bad name"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/staff/jobs"),
        ("GET", "/api/v1/staff/jobs/{job}"),
        ("POST", "/api/v1/staff/jobs/{job}/retry"),
        ("GET", "/api/v1/staff/services"),
        ("GET", "/api/v1/staff/services/{service}"),
        ("GET", "/api/v1/staff/dead-letters/provisioning"),
    ],
)
async def test_customers_have_no_staff_routes(provisioning: Provisioning, method: str, path: str) -> None:
    caller = customer()
    resource = await provisioning.grant(account_id=caller.account_id)
    job = await provisioning.job(intent=CREATE)
    path = path.format(job=job.id, service=resource.id)
    async with provisioning.client(caller) as client:
        assert (await client.request(method, path)).status_code == 403
    async with provisioning.client() as client:
        assert (await client.request(method, path)).status_code == 401


@pytest.mark.parametrize("bad", ["job_1", "svc_01h455vb4pex5vsknk084sn02q", "%00", "x" * 70])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/staff/jobs/{}",
        "/api/v1/staff/jobs/{}/retry",
        "/api/v1/staff/services/{}",
        "/api/v1/staff/dead-letters/provisioning/jobs/{}/replay",
        "/api/v1/staff/dead-letters/provisioning/inbox/{}/replay",
    ],
)
async def test_unknown_ids_are_not_found(provisioning: Provisioning, path: str, bad: str) -> None:
    async with provisioning.client(STAFF) as client:
        answer = await client.request("POST" if path.endswith(("retry", "replay")) else "GET", path.format(bad))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query", ["state=everything", "limit=0", "limit=1000", "limit=x", "q=" + "x" * 321, "q=a%00b", "q=a%0Ab", "color=1"]
)
async def test_bad_queries_are_refused_or_ignored_but_never_break(provisioning: Provisioning, query: str) -> None:
    async with provisioning.client(STAFF) as client:
        answer = await client.get(f"/api/v1/staff/jobs?{query}")
    assert answer.status_code == (200 if query == "color=1" else 422)
