"""Staff see every service, whose it is and its whole story, and press its power button with a reason."""

from datetime import timedelta

from shared.contracts.identity import AccountDescribed
from tests.support.callers import staff
from tests.support.provisioning import NOW, Provisioning

STAFF = staff("operations")


async def test_every_row_says_whose_it_is_once_identity_has_told(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(hostname="shop.example.com")
    await provisioning.deliver()
    described = {"account_id": resource.account_id, "account_name": "Ada's", "owner_email": "ada@example.com"}
    for name, at in (("Ada King", NOW + timedelta(days=1)), ("Ada", NOW)):
        await provisioning.hear(AccountDescribed(owner_name=name, described_at=at, **described))
    whose = {"account_id": resource.account_id, "name": "Ada King", "email": "ada@example.com"}
    async with provisioning.client(STAFF) as client:
        for path in ("jobs", "services"):
            for q in ("ADA@example.com", resource.external_ref or "", resource.address or ""):
                rows = (await client.get(f"/api/v1/staff/{path}", params={"q": q})).json()["data"]
                assert [row["customer"] for row in rows] == [whose], (path, q)
            every = (await client.get(f"/api/v1/staff/{path}")).json()["data"]
            assert [row["customer"]["name"] for row in every] == [None, "Ada King"]
        detail = (await client.get(f"/api/v1/staff/services/{resource.id}")).json()
        offered = [action["name"] for action in detail["staff_actions"]]
        assert offered == ["stop", "reboot", "suspend", "terminate"]


async def test_staff_press_power_with_a_reason_that_is_kept(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver()
    path = f"/api/v1/staff/services/{resource.id}/power"
    async with provisioning.client(staff("finance")) as client:
        assert (await client.post(path, json={"action": "stop", "reason": "Asked by phone"})).status_code == 403
    async with provisioning.client(staff("support")) as client, provisioning.working():
        assert (await client.post(path, json={"action": "stop"})).status_code == 422
        answer = await client.post(path, json={"action": "stop", "reason": "Asked by phone"})
        assert answer.status_code == 202
        await provisioning.until(resource.id, lambda found: found.power == "stopped" and not found.pending)
    assert await provisioning.count("resource_history", "verb = 'stopped' AND reason = 'Asked by phone'") == 1


async def test_staff_see_every_service_with_its_whole_story(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(hostname="shop.example.com")
    other = await provisioning.deliver(hostname="blog.example.com")
    async with provisioning.client(STAFF) as client:
        listed = (await client.get("/api/v1/staff/services")).json()["data"]
        assert [service["id"] for service in listed] == [other.id, resource.id]
        for q in ("Shop", resource.id, resource.account_id, resource.entitlement_id, resource.address or ""):
            found = (await client.get("/api/v1/staff/services", params={"q": q})).json()["data"]
            assert [service["id"] for service in found] == [resource.id], q
        detail = (await client.get(f"/api/v1/staff/services/{resource.id}")).json()
    assert detail["customer"]["account_id"] == resource.account_id
    assert detail["external_ref"] == resource.external_ref
    assert [line["verb"] for line in detail["history"]] == ["begin", "provision", "activate"]
    assert [job["intent"] for job in detail["jobs"]] == ["create"]
    assert detail["timeline"][-1]["title"] == "Running"
