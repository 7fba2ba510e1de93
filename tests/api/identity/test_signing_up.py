import asyncio
import statistics
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.identity.main import create_service
from shared.messaging import LocalBroker, LocalTransport
from tests.api.identity.conftest import PASSWORD, Identity, settings
from tests.support.database import TestDatabase


async def test_signing_up_makes_a_person_with_an_account_and_asks_for_one_mail(identity: Identity) -> None:
    answer = await identity.sign_up("Ada@Example.com", company="Analytical Engines")
    assert (answer.status_code, answer.json()) == (202, {"status": "verification_sent"})
    registered, _described, requested = await identity.facts()
    assert registered["email"] == "Ada@example.com"
    assert registered["account_name"] == "Analytical Engines"
    assert requested["purpose"] == "verify_email"
    assert requested["user_id"] == registered["user_id"]
    assert await identity.count("memberships", "role = 'owner'") == 1


async def test_without_a_company_the_account_bears_the_persons_name(identity: Identity) -> None:
    await identity.sign_up()
    assert (await identity.facts())[0]["account_name"] == "Ada Lovelace"


async def test_a_known_address_gets_the_same_answer_and_only_its_owner_is_told(identity: Identity) -> None:
    first = await identity.sign_up("ada@example.com")
    again = await identity.sign_up("ADA@example.com", name="Mallory", password="another-Strong-pass-5")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert {name for name in again.headers if name != "x-request-id"} == {
        name for name in first.headers if name != "x-request-id"
    }
    assert await identity.count("users") == 1
    assert len(await identity.mails("already_registered")) == 1
    # The stranger's password opens nothing.
    await identity.verify()
    assert (await identity.sign_in(password="another-Strong-pass-5")).status_code == 401
    assert (await identity.sign_in()).status_code == 201


async def test_concurrent_sign_ups_with_one_address_make_one_person(identity: Identity) -> None:
    answers = await asyncio.gather(*(identity.sign_up() for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert await identity.count("users") == 1
    assert await identity.count("accounts") == 1
    assert len(await identity.facts("identity.user.registered")) == 1
    assert len(await identity.mails("verify_email")) == 1


async def test_an_address_is_mailed_at_most_five_times_an_hour(identity: Identity) -> None:
    await identity.customer()
    for _ in range(8):
        assert (await identity.sign_up()).status_code == 202
        assert (await identity.request_reset()).status_code == 202
    assert len(await identity.mails("already_registered")) == 5
    assert len(await identity.mails("reset_password")) == 5
    identity.clock.advance(timedelta(hours=1, seconds=1))
    await identity.sign_up()
    assert len(await identity.mails("already_registered")) == 6


async def test_one_network_address_may_sign_up_only_so_often(fresh_database: TestDatabase) -> None:
    configured = settings(fresh_database.url("identity"), sign_ups_per_ip=2)
    service = create_service(configured, LocalTransport(LocalBroker()))
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://identity") as client:
        statuses = []
        for number in range(3):
            body = {"email": f"p{number}@example.com", "password": PASSWORD, "name": "P"}
            answer = await client.post("/api/v1/users", json=body, headers={"X-Client-IP": "192.0.2.1"})
            statuses.append(answer.status_code)
    await service.database.close()
    assert statuses == [202, 202, 429]
    assert int(answer.headers["retry-after"]) > 3000


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short1!", "at least 10"),
        ("x" * 129, "at most 128"),
        ("password1234", "easy to guess"),
        ("aaaaaaaaaaaaaaaa", "Avoid repeated"),
        ("lovelace1815", "easy to guess"),
        ("ada@example.com", "easy to guess"),
    ],
)
async def test_a_weak_password_is_refused_with_words_that_help(identity: Identity, password: str, words: str) -> None:
    answer = await identity.sign_up(password=password, name="Ada Lovelace")
    assert answer.status_code == 422
    error = answer.json()["errors"][0]
    assert error["pointer"] == "/password"
    assert words in error["detail"]
    assert await identity.count("users") == 0


async def test_a_known_address_does_not_change_what_a_weak_password_is_told(identity: Identity) -> None:
    unknown = await identity.sign_up(password="password1234")
    await identity.sign_up()
    known = await identity.sign_up(password="password1234")
    assert known.json()["errors"] == unknown.json()["errors"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": "a@b"}, "/email"),
        ({"email": f"{'a' * 250}@example.com"}, "/email"),
        ({"email": "ada@example.com\nBcc: eve@example.com"}, "/email"),
        ({"email": 7}, "/email"),
        ({"email": None}, "/email"),
        ({"name": ""}, "/name"),
        ({"name": "   "}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": "Ada\r\nBcc: eve@example.com"}, "/name"),
        ({"name": "Ada\u2028Bcc: eve@example.com"}, "/name"),
        ({"name": "Ada\u0000"}, "/name"),
        ({"name": ["Ada"]}, "/name"),
        ({"company": ""}, "/company"),
        ({"password": 1234567890}, "/password"),
        ({"password": "x" * 5000}, "/password"),
        ({"role": "admin"}, "/role"),
        ({"staff_roles": ["admin"]}, "/staff_roles"),
        ({"verified": True}, "/verified"),
        ({"account_id": "acc_01h455vb4pex5vsknk084sn02q"}, "/account_id"),
    ],
)
async def test_bad_input_is_refused_and_named(identity: Identity, change: dict[str, Any], pointer: str) -> None:
    answer = await identity.sign_up(**change)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await identity.count("users") == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"email": "\\ud800@example.com"}', b"\xff\xfe"])
async def test_a_body_that_is_no_object_is_refused(identity: Identity, body: bytes) -> None:
    answer = await identity.client.post("/api/v1/users", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_known_and_unknown_addresses_are_answered_after_the_same_time(fresh_database: TestDatabase) -> None:
    floor = 0.25
    configured = settings(fresh_database.url("identity"), answer_floor=floor)
    service = create_service(configured, LocalTransport(LocalBroker()))
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://identity") as client:
        await client.post("/api/v1/users", json={"email": "ada@example.com", "password": PASSWORD, "name": "Ada"})
        for path in ("/api/v1/password-resets", "/api/v1/users/verify/resend"):
            times: dict[str, list[float]] = {"ada@example.com": [], "nobody@example.com": []}
            for _ in range(4):
                for email, taken in times.items():
                    started = time.perf_counter()
                    assert (await client.post(path, json={"email": email})).status_code == 202
                    taken.append(time.perf_counter() - started)
            known, unknown = (statistics.median(taken) for taken in times.values())
            assert min(known, unknown) >= floor
            assert abs(known - unknown) < 0.02
    await service.database.close()
