import asyncio
import json
import statistics
import time
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text

from services.identity.domain import User, UserHistory
from services.identity.use_cases import signing_in
from services.identity.use_cases.signing_in import Visitor
from shared.web.problems import Unauthenticated
from tests.api.identity.conftest import OTHER_PASSWORD, PASSWORD, Identity


async def test_the_right_password_opens_a_session(identity: Identity) -> None:
    await identity.customer()
    answer = await identity.sign_in("ADA@Example.com", X_Client_IP="192.0.2.7", User_Agent="Firefox\t/ 130")
    assert answer.status_code == 201
    body = answer.json()
    assert body["id"].startswith("ses_")
    assert body["token"].startswith("ezs_")
    assert len(body["token"]) == 47
    assert body["expires_at"] == "2026-02-14T12:00:00.000Z"
    assert body["user"] == {
        "id": body["user"]["id"],
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "locale": "en",
    }
    async with identity.database.read() as session:
        line = (await session.execute(select(UserHistory).where(UserHistory.verb == "signed_in"))).scalar_one()
    assert line.detail == {"session": body["id"], "ip": "192.0.2.7", "user_agent": "Firefox/ 130"}


async def test_an_unknown_address_and_a_wrong_password_get_one_and_the_same_answer(identity: Identity) -> None:
    await identity.customer()
    wrong = await identity.sign_in(password="not the password")
    unknown = await identity.sign_in("nobody@example.com")
    assert wrong.status_code == unknown.status_code == 401
    told = [{**json.loads(answer.content), "request_id": ""} for answer in (wrong, unknown)]
    assert told[0] == told[1]
    assert told[0]["type"].endswith("/invalid-credentials")


async def test_an_unknown_address_costs_as_much_time_as_a_wrong_password(identity: Identity) -> None:
    await identity.customer()
    taken: dict[str, list[float]] = {"ada@example.com": [], "nobody@example.com": []}
    for _ in range(9):
        for email, times in taken.items():
            started = time.perf_counter()
            await identity.sign_in(email, "not the password")
            times.append(time.perf_counter() - started)
    known, unknown = (statistics.median(times) for times in taken.values())
    assert unknown > 0.6 * known


async def test_only_the_right_password_learns_that_the_address_is_unverified(identity: Identity) -> None:
    await identity.sign_up()
    wrong = await identity.sign_in(password="not the password")
    right = await identity.sign_in()
    assert wrong.status_code == 401
    assert right.status_code == 403
    assert right.json()["type"].endswith("/email-unverified")
    assert await identity.count("sessions") == 0


async def test_ten_failures_lock_an_address_until_the_window_has_passed(identity: Identity) -> None:
    await identity.customer()
    for _ in range(10):
        assert (await identity.sign_in(password="not the password")).status_code == 401
        identity.clock.advance(timedelta(seconds=10))
    locked = await identity.sign_in()
    assert locked.status_code == 429
    assert locked.json()["type"].endswith("/too-many-attempts")
    assert int(locked.headers["retry-after"]) == 15 * 60 - 100
    identity.clock.advance(timedelta(seconds=15 * 60 - 101))
    assert (await identity.sign_in()).status_code == 429
    identity.clock.advance(timedelta(seconds=2))
    assert (await identity.sign_in()).status_code == 201


async def test_an_address_nobody_has_is_locked_just_the_same(identity: Identity) -> None:
    statuses = [(await identity.sign_in("nobody@example.com")).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


async def test_fifty_guesses_at_once_get_no_further_than_ten(identity: Identity) -> None:
    await identity.customer()
    answers = await asyncio.gather(*(identity.sign_in(password=f"guess number {n}") for n in range(50)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (10, 40)


async def test_success_forgets_the_failures_of_the_address(identity: Identity) -> None:
    await identity.customer()
    for _ in range(2):
        for _ in range(9):
            assert (await identity.sign_in(password="not the password")).status_code == 401
        assert (await identity.sign_in()).status_code == 201


async def test_fifty_failures_from_one_network_lock_it_for_every_address(identity: Identity) -> None:
    await identity.customer()
    for number in range(50):
        assert (await identity.sign_in(f"p{number}@example.com", X_Client_IP="192.0.2.7")).status_code == 401
    assert (await identity.sign_in(X_Client_IP="192.0.2.7")).status_code == 429
    assert (await identity.sign_in(X_Client_IP="::ffff:192.0.2.7")).status_code == 429
    assert (await identity.sign_in(X_Client_IP="192.0.2.8")).status_code == 201


async def test_successes_do_not_count_against_a_network(identity: Identity) -> None:
    await identity.customer()
    for _ in range(55):
        assert (await identity.sign_in(X_Client_IP="2001:db8::1")).status_code == 201
    assert await identity.count("attempts") == 0


@pytest.mark.parametrize("claimed", ["", "not-an-address", "192.0.2.7, 10.0.0.1", "999.1.1.1"])
async def test_a_malformed_client_address_is_no_address(identity: Identity, claimed: str) -> None:
    await identity.customer()
    answer = await identity.sign_in(X_Client_IP=claimed)
    assert answer.status_code == 201
    assert await identity.count("sessions", "ip IS NOT NULL") == 0


async def test_a_password_checked_before_a_reset_opens_nothing_after_it(identity: Identity) -> None:
    await identity.customer()
    visitor = Visitor(None, None)
    claim = await identity.database.run(lambda work: signing_in.begin_sign_in(work, "ada@example.com", visitor))
    await identity.request_reset()
    assert (await identity.complete_reset(await identity.token("reset_password"))).status_code == 200
    with pytest.raises(Unauthenticated):
        await identity.database.run(lambda work: signing_in.complete_sign_in(work, claim, visitor))
    assert await identity.count("sessions") == 0


async def test_a_hash_with_old_parameters_is_renewed_at_the_next_sign_in(identity: Identity) -> None:
    await identity.customer()
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    async with identity.database.work() as work:
        await work.session.execute(text("UPDATE users SET password_hash = :old"), {"old": old})
    assert (await identity.sign_in()).status_code == 201
    async with identity.database.read() as session:
        assert "m=19456,t=2,p=1" in (await session.execute(select(User.password_hash))).scalar_one()
    assert (await identity.sign_in()).status_code == 201


async def test_the_same_password_typed_in_another_unicode_form_is_right(identity: Identity) -> None:
    composed = "Zürich-Wörter-Öl-77"
    decomposed = composed.replace("ü", "u\u0308").replace("ö", "o\u0308").replace("Ö", "O\u0308")
    await identity.sign_up(password=composed)
    await identity.verify()
    assert (await identity.sign_in(password=decomposed)).status_code == 201
    assert (await identity.sign_in(password=OTHER_PASSWORD)).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada@example.com"},
        {"email": "x", "password": "y"},
        {"email": "ada@example.com", "password": ["a"]},
        {"email": "ada@example.com", "password": "x", "remember": True},
        {"email": {"$ne": None}, "password": {"$ne": None}},
    ],
)
async def test_bad_credentials_bodies_are_refused(identity: Identity, body: dict[str, object]) -> None:
    answer = await identity.client.post("/api/v1/sessions", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_nul_byte_in_a_password_is_just_a_wrong_password(identity: Identity) -> None:
    await identity.customer()
    assert (await identity.sign_in(password="a\u0000b")).status_code == 401
