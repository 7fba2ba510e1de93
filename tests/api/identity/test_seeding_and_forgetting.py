from datetime import timedelta

import httpx

from services.identity.main import create_service
from services.identity.use_cases.forgetting import forget_what_is_over
from services.identity.use_cases.seeding import ensure_person
from shared.messaging import LocalBroker, LocalTransport
from tests.api.identity.conftest import PASSWORD, Identity, settings
from tests.support.database import free_port


async def test_a_seeded_person_can_sign_in_and_is_announced_once(identity: Identity) -> None:
    made = [
        await identity.database.run(
            lambda work: ensure_person(work, "Grace@Example.com", "Grace", PASSWORD, account_name="Navy")
        )
        for _ in range(2)
    ]
    assert (made[0].user_id, made[0].account_id) == (made[1].user_id, made[1].account_id)
    assert [person.created for person in made] == [True, False]
    assert [fact["account_name"] for fact in await identity.facts("identity.user.registered")] == ["Navy"]
    assert (await identity.sign_in("grace@example.com")).status_code == 201


async def test_seeding_adds_staff_roles_and_never_takes_any_away(identity: Identity) -> None:
    for roles in (("admin",), ("support",), ()):
        await identity.database.run(
            lambda work, roles=roles: ensure_person(work, "grace@example.com", "Grace", PASSWORD, staff_roles=roles)
        )
    _, headers = await identity.signed_in("grace@example.com")
    assert (await identity.client.get("/api/v1/me", headers=headers)).json()["staff"] == {"roles": ["admin", "support"]}


async def test_an_unverified_seeded_person_cannot_sign_in_until_seeded_as_verified(identity: Identity) -> None:
    await identity.database.run(lambda work: ensure_person(work, "g@example.com", "G", PASSWORD, verified=False))
    assert (await identity.sign_in("g@example.com")).status_code == 403
    await identity.database.run(lambda work: ensure_person(work, "g@example.com", "G", "ignored for known people"))
    assert (await identity.sign_in("g@example.com")).status_code == 201


async def test_what_is_over_is_forgotten_and_what_is_not_stays(identity: Identity) -> None:
    await identity.customer()
    await identity.sign_in(password="not the password")
    await identity.sign_in("nobody@example.com")
    await identity.sign_in()
    await identity.sign_in("nobody@example.com")
    await forget_what_is_over(identity.database)
    assert await identity.count("sessions") == 1
    assert await identity.count("verifications") == 1
    assert await identity.count("attempts") == 2
    identity.clock.advance(timedelta(days=50))
    assert (await identity.sign_in()).status_code == 201
    await forget_what_is_over(identity.database)
    assert await identity.count("sessions") == 1
    assert await identity.count("verifications") == 0
    assert await identity.count("attempts") == 0
    assert await identity.count("users") == 1


async def test_the_clock_jobs_of_the_worker_run(identity: Identity) -> None:
    await identity.sign_up()
    for job in identity.service.worker._clock_jobs:
        await job.run()
    assert await identity.count("users") == 1


async def test_while_the_database_is_away_every_route_says_when_to_try_again() -> None:
    url = f"postgresql://ez_identity:x@127.0.0.1:{free_port()}/ez"
    service = create_service(settings(url), LocalTransport(LocalBroker()))
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://identity") as client:
        answer = await client.post("/api/v1/sessions", json={"email": "ada@example.com", "password": PASSWORD})
        ready = await client.get("/health/ready")
    await service.database.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["type"].endswith("/database-away")
    assert ready.status_code == 503
