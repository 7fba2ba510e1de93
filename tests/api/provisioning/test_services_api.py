"""What customers see of their services, and of nobody else's."""

import asyncio
import json

import httpx
import pytest

from services.provisioning.adapters.capabilities import ProviderRejected
from shared.kernel import new_id
from tests.support.callers import bearer, customer, service_bearer, staff
from tests.support.database import TestDatabase
from tests.support.provisioning import SPEC, Provisioning

CALLER = customer()
FIELDS = {
    "id", "name", "product_type", "plan", "status", "power", "state", "order_id", "entitlement_id", "address",
    "attributes", "actions", "spec", "configuration", "created_at", "activated_at", "delayed", "message",
    "pending_action", "timeline", "access",
}  # fmt: skip
STORY = [
    "Delivery started",
    "Reserving an identity",
    "Creating your server",
    "Setting size and network",
    "Growing the disk",
    "Starting",
    "Waiting for its address",
    "Checking that it runs",
    "Running",
]


async def test_a_service_shows_what_was_bought_and_what_runs(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    async with provisioning.client(CALLER) as client:
        shown = (await client.get(f"/api/v1/services/{resource.id}")).json()
    assert set(shown) == FIELDS
    assert shown["plan"] == {"code": "vps-s", "name": "VPS S"}
    assert (shown["status"], shown["power"], shown["address"]) == ("active", "running", resource.address)
    assert shown["spec"] == SPEC
    assert shown["name"] == "web-1.example.com"
    assert shown["configuration"] == {"hostname": "web-1.example.com", "template": "debian-12"}
    assert [(item["label"], item["value"]) for item in shown["attributes"]] == [("IPv4 address", resource.address)]
    assert [action["name"] for action in shown["actions"]] == ["stop", "reboot"]
    assert shown["access"]["command"] is None
    assert shown["activated_at"].endswith("Z")


async def test_a_list_holds_the_accounts_services_only_and_pages_through_them(provisioning: Provisioning) -> None:
    order = new_id("ord")
    mine = [await provisioning.grant(account_id=CALLER.account_id, order_id=order) for _ in range(5)]
    other_order = await provisioning.grant(account_id=CALLER.account_id)
    foreign = await provisioning.grant(order_id=order)
    async with provisioning.client(CALLER) as client:
        seen, cursor = [], None
        while True:
            query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
            page = (await client.get("/api/v1/services", params=query)).json()
            seen += [service["id"] for service in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        by_order = (await client.get("/api/v1/services", params={"order_id": order})).json()["data"]
        of_nobody = (await client.get("/api/v1/services", params={"order_id": new_id("ord")})).json()["data"]
    assert seen == [other_order.id, *(resource.id for resource in reversed(mine))]
    assert [service["id"] for service in by_order] == [resource.id for resource in reversed(mine)]
    assert foreign.id not in seen
    assert of_nobody == []


async def test_one_read_holds_all_of_an_orders_services_with_their_timelines(provisioning: Provisioning) -> None:
    order = new_id("ord")
    mine = [await provisioning.grant(account_id=CALLER.account_id, order_id=order) for _ in range(30)]
    await provisioning.grant(order_id=order)
    async with provisioning.client(CALLER) as client:
        query = {"order_id": order, "include": "timeline"}
        page = (await client.get("/api/v1/services", params=query)).json()
        alone = await client.get("/api/v1/services", params={"include": "timeline"})
    assert [service["id"] for service in page["data"]] == [resource.id for resource in reversed(mine)]
    assert page["next_cursor"] is None
    assert all([line["title"] for line in service["timeline"]] == STORY for service in page["data"])
    assert alone.status_code == 422


async def test_an_order_can_leave_out_what_its_owner_did_with_a_service(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(account_id=CALLER.account_id)
    async with provisioning.client(CALLER) as client, provisioning.working():
        await client.post(f"/api/v1/services/{resource.id}/power", json={"action": "stop"})
        await provisioning.until(resource.id, lambda found: found.power == "stopped" and not found.pending)
        shown = (await client.get(f"/api/v1/services/{resource.id}")).json()
    assert shown["state"] == "stopped"
    assert [line["title"] for line in shown["timeline"] if line["about"] == "action"] == ["Stopped"]
    assert [line["title"] for line in shown["timeline"] if line["about"] == "delivery"] == STORY
    assert [action["name"] for action in shown["actions"]] == ["start"]


@pytest.mark.parametrize("path", ["", "/timeline", "/stream"])
async def test_another_accounts_service_does_not_exist(provisioning: Provisioning, path: str) -> None:
    resource = await provisioning.deliver()
    for caller in (CALLER, customer(role="read_only")):
        async with provisioning.client(caller) as client:
            foreign = await client.get(f"/api/v1/services/{resource.id}{path}")
            unknown = await client.get(f"/api/v1/services/{new_id('svc')}{path}")
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json()["detail"] == unknown.json()["detail"]


async def test_another_accounts_cursor_leads_nowhere_else(provisioning: Provisioning) -> None:
    other = customer()
    for _ in range(3):
        await provisioning.grant(account_id=other.account_id)
    async with provisioning.client(other) as client:
        cursor = (await client.get("/api/v1/services?limit=1")).json()["next_cursor"]
    async with provisioning.client(CALLER) as client:
        assert (await client.get("/api/v1/services", params={"cursor": cursor})).json()["data"] == []


@pytest.mark.parametrize(
    "caller", [None, {"Authorization": "Bearer x"}, service_bearer("catalog", "provisioning"), bearer(staff())]
)
@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/timeline", "/{id}/stream"])
async def test_only_people_with_an_account_are_let_in(
    provisioning: Provisioning, caller: dict[str, str] | None, path: str
) -> None:
    resource = await provisioning.grant()
    async with provisioning.client() as client:
        answer = await client.get(f"/api/v1/services{path.format(id=resource.id)}", headers=caller or {})
    assert answer.status_code in (401, 403)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("order_id=ord_1", 422),
        ("order_id=acc_01h455vb4pex5vsknk084sn02q", 422),
        ("order_id=%00", 422),
        ("limit=0", 422),
        ("limit=99999999999999999999", 422),
        ("cursor=not-a-cursor", 400),
        ("cursor=%F0%9F%92%A9", 400),
        ("cursor=am9iXzE", 400),
        ("cursor=" + "x" * 200, 422),
    ],
)
async def test_bad_queries_are_problems(provisioning: Provisioning, query: str, status: int) -> None:
    async with provisioning.client(CALLER) as client:
        answer = await client.get(f"/api/v1/services?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"]


@pytest.mark.parametrize("bad", ["svc_1", "job_01h455vb4pex5vsknk084sn02q", "svc_%00", "x" * 300, "SVC_01"])
async def test_malformed_ids_are_not_found(provisioning: Provisioning, bad: str) -> None:
    async with provisioning.client(CALLER) as client:
        assert (await client.get(f"/api/v1/services/{bad}")).status_code == 404


async def test_the_timeline_tells_the_story_and_what_is_still_to_come(provisioning: Provisioning) -> None:
    resource = await provisioning.grant(account_id=CALLER.account_id)
    gate = provisioning.memory.gates["start"] = asyncio.Event()
    async with provisioning.client(CALLER) as client, provisioning.working():

        async def story() -> list[dict[str, str]]:
            data: list[dict[str, str]] = (await client.get(f"/api/v1/services/{resource.id}/timeline")).json()["data"]
            return data

        await provisioning.until_job(lambda job: job.step("start").state == "active", intent="create")
        under_way = await story()
        assert [line["title"] for line in under_way] == STORY
        assert [line["state"] for line in under_way] == ["done"] * 5 + ["active"] + ["waiting"] * 3
        gate.set()
        await provisioning.until(resource.id, lambda found: found.status == "active")
        told = await story()
    assert [line["title"] for line in told] == STORY
    assert {line["state"] for line in told} == {"done"}
    assert [line["at"] for line in told] == sorted(line["at"] for line in told)
    assert all(line["started_at"] <= line["finished_at"] for line in told if line["key"].startswith("step."))
    assert len({line["key"] for line in told}) == len(told)


async def test_before_a_worker_begins_everything_is_still_to_come(provisioning: Provisioning) -> None:
    resource = await provisioning.grant(account_id=CALLER.account_id)
    async with provisioning.client(CALLER) as client:
        lines = (await client.get(f"/api/v1/services/{resource.id}/timeline")).json()["data"]
    assert [line["title"] for line in lines] == STORY
    assert {line["state"] for line in lines} == {"waiting"}


async def test_a_failure_is_told_without_the_providers_words(provisioning: Provisioning) -> None:
    provisioning.memory.fail("configure", ProviderRejected("storage pool secret-name is full"))
    resource = await provisioning.grant(account_id=CALLER.account_id)
    async with provisioning.client(CALLER) as client, provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
        shown = await client.get(f"/api/v1/services/{resource.id}")
        told = await client.get(f"/api/v1/services/{resource.id}/timeline")
    assert "secret-name" not in shown.text + told.text
    lines = {line["title"]: line["state"] for line in told.json()["data"]}
    assert lines["Setting size and network"] == lines["Delivery stopped"] == "failed"
    assert lines["Running"] == "waiting"


async def test_a_stream_speaks_at_every_step(fresh_database: TestDatabase) -> None:
    provisioning = Provisioning(fresh_database)
    resource = await provisioning.grant(account_id=CALLER.account_id)
    listener = provisioning.service.app.state.listener
    listener.start()
    calls: list[str] = []
    listener.on("timeline", calls.append)
    try:
        await asyncio.sleep(0.3)
        async with provisioning.working():
            await provisioning.until(resource.id, lambda found: found.status == "active")
            await asyncio.sleep(0.3)
    finally:
        await listener.stop()
        await provisioning.close()
    assert calls.count(resource.id) >= 3


async def test_the_events_of_a_stream_carry_a_version_only(provisioning: Provisioning) -> None:
    resource = await provisioning.grant(account_id=CALLER.account_id)
    sent: list[dict[str, object]] = []
    first = asyncio.Event()

    async def send(message: dict[str, object]) -> None:
        sent.append(message)
        if message.get("body"):
            first.set()

    async def receive() -> dict[str, object]:
        await first.wait()
        return {"type": "http.disconnect"}

    path = f"/api/v1/services/{resource.id}/stream"
    headers = [(name.lower().encode(), value.encode()) for name, value in bearer(CALLER).items()]
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("provisioning", 80),
        "client": ("127.0.0.1", 1), "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await asyncio.wait_for(provisioning.service.app(scope, receive, send), 60)  # type: ignore[arg-type]
    assert sent[0]["status"] == 200
    body = b"".join(message.get("body", b"") for message in sent)  # type: ignore[misc]
    [data] = [line[6:] for line in body.decode().splitlines() if line.startswith("data: ")]
    assert json.loads(data) == {"version": 0}


async def test_a_database_that_is_away_is_said_with_a_time_to_come_back(fresh_database: TestDatabase) -> None:
    provisioning = Provisioning(fresh_database, database_url="postgresql://ez:x@127.0.0.1:1/none")
    async with provisioning.client(CALLER) as client:
        for method, path, body in (
            ("GET", "/api/v1/services", None),
            ("GET", f"/api/v1/services/{new_id('svc')}", None),
            ("POST", f"/api/v1/services/{new_id('svc')}/power", {"action": "stop"}),
        ):
            answer: httpx.Response = await client.request(method, path, json=body)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert answer.headers["content-type"] == "application/problem+json"
        assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health/live")).status_code == 200
    await provisioning.close()
