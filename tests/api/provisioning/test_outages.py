"""The provider is away: nothing is lost, nobody is alarmed, and everything goes on by itself."""

import asyncio

from services.provisioning.adapters.breaker import CircuitBreaker
from services.provisioning.adapters.capabilities import ProviderUnavailable
from services.provisioning.domain import CREATE, DELAYED
from tests.support.callers import customer
from tests.support.provisioning import Provisioning


async def with_breaker(provisioning: Provisioning, breaker: CircuitBreaker) -> CircuitBreaker:
    await provisioning.connected(breaker)
    return breaker


async def test_a_provider_that_goes_down_and_up_again_costs_nothing_but_time(provisioning: Provisioning) -> None:
    breaker = await with_breaker(provisioning, CircuitBreaker(first_pause=0.3, longest_pause=0.5))
    caller = customer()
    provisioning.memory.away = True
    resource = await provisioning.grant(account_id=caller.account_id)
    async with provisioning.working(), provisioning.client(caller) as client:
        await provisioning.until(resource.id, lambda found: found.delayed)
        seen = (await client.get(f"/api/v1/services/{resource.id}")).json()
        assert (seen["status"], seen["delayed"], seen["message"]) == ("provisioning", True, DELAYED)
        lines = (await client.get(f"/api/v1/services/{resource.id}/timeline")).json()["data"]
        assert [line["detail"] for line in lines if line["key"] == "step.reserve"] == [DELAYED]
        while not breaker.is_open:
            await asyncio.sleep(0.02)
        provisioning.memory.away = False
        delivered = await provisioning.until(resource.id, lambda found: found.status == "active")
    assert (delivered.delayed, delivered.message) == (False, None)
    assert provisioning.memory.created == 1


async def test_while_the_circuit_is_open_jobs_wait_without_using_up_attempts(provisioning: Provisioning) -> None:
    breaker = await with_breaker(provisioning, CircuitBreaker(first_pause=60))
    provisioning.memory.away = True
    await provisioning.grant()
    async with provisioning.working():
        while not breaker.is_open:
            await asyncio.sleep(0.02)
        attempts = (await provisioning.job(intent=CREATE)).attempts
        calls = len(provisioning.memory.calls)
        late = await provisioning.grant()
        waiting = await provisioning.until(late.id, lambda found: found.delayed)
        await asyncio.sleep(0.4)
    assert attempts == 5
    assert len(provisioning.memory.calls) == calls
    job = await provisioning.job(resource_id=late.id)
    assert (waiting.message, job.state, job.attempts, job.lease_token) == (DELAYED, "ready", 0, None)


async def test_one_probe_asks_while_the_others_wait_and_its_success_wakes_all(provisioning: Provisioning) -> None:
    breaker = await with_breaker(provisioning, CircuitBreaker(first_pause=1.0, longest_pause=1.0))
    provisioning.memory.away = True
    resources = [await provisioning.grant() for _ in range(6)]
    async with provisioning.working():
        while not breaker.is_open:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        await provisioning.execute(
            "UPDATE provisioning.jobs SET next_attempt_at = now() + interval '1 hour' "
            f"WHERE idempotency_key <> 'create:{resources[0].entitlement_id}'"
        )
        provisioning.memory.away = False
        for resource in resources:
            await provisioning.until(resource.id, lambda found: found.status == "active")
    assert provisioning.memory.created == 6


async def test_a_provider_that_asks_for_patience_gets_it(provisioning: Provisioning) -> None:
    provisioning.memory.fail("create", ProviderUnavailable("too many requests", retry_after=1.2))
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.delayed)
        await asyncio.sleep(0.6)
        assert provisioning.memory.calls.count("create") == 1
        await provisioning.until(resource.id, lambda found: found.status == "active")


async def test_an_answer_of_any_kind_proves_that_the_provider_is_there(provisioning: Provisioning) -> None:
    breaker = await with_breaker(provisioning, CircuitBreaker(threshold=2))
    provisioning.memory.fail("configure", ProviderUnavailable("away"), count=1)
    provisioning.memory.fail("start", ProviderUnavailable("away"), count=1)
    resource = await provisioning.grant()
    async with provisioning.working():
        await provisioning.until(resource.id, lambda found: found.status == "active")
    assert not breaker.is_open
