"""One entitlement becomes exactly one running machine."""

import asyncio
from uuid import UUID

import pytest

from services.provisioning.adapters.capabilities import (
    NeedsHuman,
    PowerState,
    ProviderAmbiguous,
    ProviderRejected,
    ProviderUnavailable,
)
from services.provisioning.domain import CREATE
from tests.support.provisioning import SPEC, Provisioning, at_once, granted

ACTIVATED = "provisioning.resource.activated.v1"
FAILED = "provisioning.resource.failed.v1"


async def test_a_granted_entitlement_becomes_a_running_machine(provisioning: Provisioning) -> None:
    resource = await provisioning.deliver(hostname="db-1.example.com", template="debian-13")
    [machine] = provisioning.memory.ours
    assert machine.reference == resource.id
    assert machine.power is PowerState.RUNNING
    assert machine.disk_gb == SPEC["disk_gb"]
    assert machine.spec is not None
    assert (machine.spec.hostname, machine.spec.template) == ("db-1.example.com", "debian-13")
    assert (machine.spec.cores, machine.spec.memory_mb) == (2, 4096)
    assert (resource.address, resource.power, resource.external_ref) == (
        machine.address,
        "running",
        str(machine.machine_id),
    )
    assert resource.attributes == {"ipv4": machine.address}
    [fact] = await provisioning.facts(ACTIVATED)
    assert fact["resource_id"] == resource.id
    assert fact["ipv4"] == machine.address
    assert fact["version"] == resource.version
    job = await provisioning.job(intent=CREATE)
    assert job.state == "done"
    assert [step.name for step in job.steps] == [
        "reserve",
        "create",
        "configure",
        "grow_disk",
        "start",
        "address",
        "verify",
    ]
    assert {step.state for step in job.steps} == {"done"}
    assert provisioning.memory.calls == [
        "is_free", "create", "configure", "resize_disk", "start", "address", "state", "address"
    ]  # fmt: skip


async def test_twenty_deliveries_of_one_entitlement_at_once_make_one_machine(provisioning: Provisioning) -> None:
    fact = granted()
    async with provisioning.working():
        outcomes = await at_once(20, lambda: provisioning.hear(fact))
        assert {type(outcome) for outcome in outcomes} == {UUID}, "every delivery was taken"
        resource = await provisioning.resource(entitlement_id=fact.entitlement_id)
        await provisioning.until(resource.id, lambda found: found.status == "active")
    await provisioning.hear(fact)
    assert await provisioning.count("resources") == 1
    assert await provisioning.count("jobs") == 1
    assert await provisioning.count("inbox", "state <> 'done'") == 0
    assert provisioning.memory.created == 1
    assert len(await provisioning.facts(ACTIVATED)) == 1


@pytest.mark.fault(26)
@pytest.mark.bug("FOSSBilling/FOSSBilling #1086")
async def test_a_timeout_after_the_machine_was_made_leads_to_that_machine(provisioning: Provisioning) -> None:
    provisioning.memory.fail("create", ProviderAmbiguous("no answer to the clone"), after=True)
    resource = await provisioning.deliver()
    assert provisioning.memory.created == 1
    assert len(provisioning.memory.carrying(resource.id)) == 1
    assert provisioning.memory.calls.count("create") == 2


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    ("method", "after"),
    [(method, False) for method in ("is_free", "create", "configure", "resize_disk", "start", "address", "state")]
    + [(method, True) for method in ("create", "configure", "resize_disk", "start")],
)
@pytest.mark.parametrize("error", [ProviderUnavailable("away"), ProviderAmbiguous("unknown")], ids=["away", "unknown"])
async def test_trouble_at_any_call_before_or_after_its_effect_still_ends_in_one_machine(
    provisioning: Provisioning, method: str, after: bool, error: ProviderUnavailable | ProviderAmbiguous
) -> None:
    provisioning.memory.fail(method, error, count=2, after=after)
    resource = await provisioning.deliver()
    assert provisioning.memory.created == 1
    assert not resource.delayed
    assert resource.message is None
    assert len(await provisioning.facts(ACTIVATED)) == 1


async def test_a_slow_address_is_waited_for_without_using_up_attempts(provisioning: Provisioning) -> None:
    provisioning.memory.looks = 3
    await provisioning.deliver()
    job = await provisioning.job(intent=CREATE)
    assert job.attempts == 1
    assert job.step("address").tries == 4


async def test_an_address_that_never_comes_is_a_matter_for_staff(provisioning: Provisioning) -> None:
    provisioning.memory.looks = 10_000
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until_job(lambda job: job.step("address").tries > 1, intent=CREATE)
        await provisioning.execute(
            "UPDATE provisioning.job_steps SET started_at = now() - interval '16 minutes' WHERE name = 'address'"
        )
        failed = await provisioning.until(resource.id, lambda found: found.status == "failed")
    job = await provisioning.job(intent=CREATE)
    assert (job.state, job.failure_class) == ("parked", "needs_human")
    assert "15 minutes" in (job.last_error or "")
    assert failed.message == "It could not be set up automatically."


async def test_a_machine_that_went_off_again_is_started_again(provisioning: Provisioning) -> None:
    provisioning.memory.stays_off = 1
    await provisioning.deliver()
    assert provisioning.memory.calls.count("start") == 2


@pytest.mark.bug("Paymenter/Paymenter #455")
async def test_a_machine_that_does_not_stay_on_is_never_shown_as_active(provisioning: Provisioning) -> None:
    provisioning.memory.stays_off = 10_000
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
    assert await provisioning.facts(ACTIVATED) == []
    assert (await provisioning.job(intent=CREATE)).state == "parked"


@pytest.mark.parametrize(
    ("error", "state", "failure"),
    [
        (ProviderRejected("the name is not a DNS name"), "dead", "permanent"),
        (NeedsHuman("no space left on the storage"), "parked", "needs_human"),
    ],
)
async def test_a_refusal_ends_the_job_and_is_published_once(
    provisioning: Provisioning, error: ProviderRejected | NeedsHuman, state: str, failure: str
) -> None:
    provisioning.memory.fail("configure", error)
    resource = await provisioning.grant()
    async with provisioning.working():
        failed = await provisioning.until(resource.id, lambda found: found.status == "failed")
        await asyncio.sleep(0.3)
    job = await provisioning.job(intent=CREATE)
    assert (job.state, job.failure_class, job.last_error) == (state, failure, error.detail)
    assert job.step("configure").state == "failed"
    assert job.step("create").state == "done"
    [fact] = await provisioning.facts(FAILED)
    assert (fact["resource_id"], fact["reason"], fact["version"]) == (resource.id, error.detail, failed.version)
    assert provisioning.memory.calls.count("configure") == 1


@pytest.mark.parametrize(
    "spec", [{}, {**SPEC, "cores": 0}, {**SPEC, "memory_mb": "much"}, {**SPEC, "disk_gb": True}, {**SPEC, "cores": 1.5}]
)
async def test_a_plan_without_a_usable_size_fails_with_a_reason_and_makes_no_machine(
    provisioning: Provisioning, spec: dict[str, object]
) -> None:
    resource = await provisioning.grant(spec=spec)
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "failed")
    assert "not a positive whole number" in ((await provisioning.job(intent=CREATE)).last_error or "")
    assert provisioning.memory.created == 0


@pytest.mark.parametrize("product", ["hosting", "domain", "certificate"])
async def test_a_product_without_a_connector_waits_for_staff_and_says_so_once(
    provisioning: Provisioning, product: str
) -> None:
    fact = granted(product_type=product)
    await provisioning.hear(fact)
    await provisioning.hear(fact)
    resource = await provisioning.resource(entitlement_id=fact.entitlement_id)
    assert (resource.status, resource.external_ref) == ("pending", None)
    job = await provisioning.job(intent=CREATE)
    assert (job.state, job.failure_class, job.steps) == ("dead", "permanent", [])
    [published] = await provisioning.facts(FAILED)
    assert published["reason"] == job.last_error
    assert "no connector" in published["reason"]


async def test_an_unexpected_error_in_a_connector_is_retried(
    provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = provisioning.memory.start, []

    async def start(*given: object) -> None:
        calls.append(given)
        if len(calls) == 1:
            raise RuntimeError("a bug")
        await original(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(provisioning.memory, "start", start)
    await provisioning.deliver()
    assert len(calls) == 2
