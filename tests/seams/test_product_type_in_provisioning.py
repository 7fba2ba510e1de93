"""A product type that nothing of the product knows: delivered, shown, acted on, suspended and ended."""

from collections.abc import AsyncIterator

import pytest_asyncio

from services.provisioning.domain import CREATE
from services.provisioning.jobs.drift import compare_all
from services.provisioning.use_cases.removal import begin_removals
from shared.contracts.catalog import EntitlementEnded, EntitlementResumed, EntitlementSuspended
from shared.kernel import new_id
from tests.seams.postcard.provisioning import PRINTERS, ToyPrinter
from tests.support.callers import customer, staff
from tests.support.database import TestDatabase
from tests.support.provisioning import Provisioning

CALLER = customer()
PRINTER = {
    "name": "printer-1",
    "kind": "toy-printer",
    "product_types": ["postcard"],
    "endpoint": "toy://cellar",
    "secret_ref": "env:PROVISIONING_PROXMOX_TOKEN",
    "capacity": 2,
    "reason": "We print now",
}


@pytest_asyncio.fixture
async def process(fresh_database: TestDatabase) -> AsyncIterator[Provisioning]:
    PRINTERS.clear()
    process = Provisioning(fresh_database, product_types="vps,tests.seams.postcard")
    await process.ready()
    async with process.client(staff("operations")) as client:
        refused = await client.post("/api/v1/staff/providers", json={**PRINTER, "settings": {"ink": "none"}})
        assert refused.status_code == 422
        assert "without ink" in refused.text
        answer = await client.post("/api/v1/staff/providers", json=PRINTER)
        assert answer.status_code == 201, answer.text
    yield process
    await process.close()


async def ordered(process: Provisioning, jams: int = 0) -> str:
    order, text = new_id("ord"), {"text": "Wish you were here", "recipient": "Grandmother"}
    PRINTERS["toy://cellar"].jams = jams
    for number in (1, 2):
        await process.grant(
            product_type="postcard", account_id=CALLER.account_id, order_id=order, hostname="", template="", spec={},
            name=f"Postcard {number}", configuration=text,
        )  # fmt: skip
    return order


async def test_an_order_of_postcards_goes_through_its_whole_life(process: Provisioning) -> None:
    order = await ordered(process, jams=1)
    printer: ToyPrinter = PRINTERS["toy://cellar"]
    async with process.client(CALLER) as client, process.working():
        path = f"/api/v1/services?order_id={order}&include=timeline"

        async def shown() -> list[dict[str, object]]:
            return list((await client.get(path)).json()["data"])

        for service in await shown():
            await process.until(str(service["id"]), lambda found: found.status == "active")
        [last, first] = await shown()
        assert (first["name"], first["state"], first["address"]) == ("Postcard 1", "running", "Grandmother")
        assert [(item["label"], item["value"]) for item in first["attributes"]] == [("To", "Grandmother")]  # type: ignore[attr-defined]
        assert [action["name"] for action in first["actions"]] == ["stamp"]  # type: ignore[attr-defined]
        titles = [line["title"] for line in first["timeline"]]  # type: ignore[attr-defined]
        assert titles == ["Delivery started", "Choosing a card", "Printing your card", "Running"]
        assert len(printer.printed) == 2
        assert {card.number for card in printer.printed.values()} == {100, 101}
        await _acted_on_and_ended(process, client, str(first["id"]))
    assert len(printer.printed) == 1
    assert str(last["id"]) in printer.printed
    [fact, _] = await process.facts("provisioning.resource.activated.v1")
    assert (fact["product_type"], fact["attributes"][0]["value"], fact["ipv4"]) == ("postcard", "Grandmother", None)


async def _acted_on_and_ended(process: Provisioning, client: object, service: str) -> None:
    printer, resource = PRINTERS["toy://cellar"], await process.resource(id=service)
    assert (await client.post(f"/api/v1/services/{service}/actions/stamp")).status_code == 202  # type: ignore[attr-defined]
    await process.until_job(lambda job: job.state == "done", intent="stamp")
    assert (await client.post(f"/api/v1/services/{service}/actions/reboot")).status_code == 409  # type: ignore[attr-defined]
    assert printer.printed[service].stamps == 1
    await process.tell(EntitlementSuspended, resource, 2)
    await process.until(service, lambda found: found.status == "suspended")
    assert not printer.printed[service].displayed
    await process.tell(EntitlementResumed, resource, 3)
    await process.until(service, lambda found: found.status == "active")
    await process.tell(EntitlementEnded, resource, 4)
    await process.until(service, lambda found: found.status == "terminated")
    found = await compare_all(process.database, process.tools, process.pool)
    assert found["printer-1/postcard"].orphans == ()
    await process.execute("UPDATE provisioning.resources SET remove_at = now() - interval '1 second'")
    await process.database.run(lambda work: begin_removals(work, process.tools))
    await process.until(service, lambda found: found.status == "removed")


async def test_where_the_type_is_not_registered_its_postcards_wait_and_nothing_is_lost(
    fresh_database: TestDatabase, process: Provisioning
) -> None:
    await ordered(process)
    older = Provisioning(fresh_database)
    async with older.working():
        await older.until_job(lambda job: job.last_error is not None, resource_id=(await _first(process)))
    await older.close()
    await process.execute("UPDATE provisioning.jobs SET next_attempt_at = now()")
    async with process.working():
        await process.until(await _first(process), lambda found: found.status == "active")
    assert await process.count("jobs", f"intent = '{CREATE}' AND state IN ('dead', 'parked')") == 0


async def _first(process: Provisioning) -> str:
    async with process.client(CALLER) as client:
        return str((await client.get("/api/v1/services")).json()["data"][-1]["id"])
