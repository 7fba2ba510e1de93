import asyncio
from datetime import timedelta

from tests.api.identity.conftest import OTHER_PASSWORD, PASSWORD, Identity
from tests.api.identity.test_verifying import problem_type


async def test_a_reset_changes_the_password_and_ends_every_session(identity: Identity) -> None:
    await identity.customer()
    first, _ = await identity.signed_in()
    second, _ = await identity.signed_in()
    await identity.request_reset()
    answer = await identity.complete_reset(await identity.token("reset_password"))
    assert (answer.status_code, answer.json()) == (200, {"status": "password_changed"})
    assert (await identity.resolve(first)).status_code == 401
    assert (await identity.resolve(second)).status_code == 401
    assert (await identity.sign_in(password=PASSWORD)).status_code == 401
    assert (await identity.sign_in(password=OTHER_PASSWORD)).status_code == 201


async def test_a_reset_link_works_once(identity: Identity) -> None:
    await identity.customer()
    await identity.request_reset()
    token = await identity.token("reset_password")
    assert (await identity.complete_reset(token)).status_code == 200
    again = await identity.complete_reset(token, "quite another password 8")
    assert (again.status_code, problem_type(again)) == (410, "verification-used")


async def test_a_reset_link_used_twice_at_once_changes_the_password_once(identity: Identity) -> None:
    await identity.customer()
    await identity.request_reset()
    token = await identity.token("reset_password")
    passwords = [f"quite another password {n}" for n in range(5)]
    answers = await asyncio.gather(*(identity.complete_reset(token, password) for password in passwords))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410, 410]
    winner = passwords[[answer.status_code for answer in answers].index(200)]
    assert (await identity.sign_in(password=winner)).status_code == 201


async def test_a_newer_reset_makes_the_older_one_useless(identity: Identity) -> None:
    await identity.customer()
    await identity.request_reset()
    older = await identity.token("reset_password")
    await identity.request_reset()
    assert problem_type(await identity.complete_reset(older)) == "verification-expired"
    assert (await identity.complete_reset(await identity.token("reset_password"))).status_code == 200


async def test_a_reset_link_expires_after_half_an_hour(identity: Identity) -> None:
    await identity.customer()
    await identity.request_reset()
    token = await identity.token("reset_password")
    identity.clock.advance(timedelta(minutes=30))
    answer = await identity.complete_reset(token)
    assert (answer.status_code, problem_type(answer)) == (410, "verification-expired")
    assert (await identity.sign_in()).status_code == 201


async def test_a_reset_for_an_unknown_address_answers_the_same_and_mails_nobody(identity: Identity) -> None:
    await identity.customer()
    known, unknown = await identity.request_reset(), await identity.request_reset("nobody@example.com")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, known.content)
    assert len(await identity.mails("reset_password")) == 1


async def test_a_weak_new_password_is_refused_and_the_link_stays_usable(identity: Identity) -> None:
    await identity.customer()
    await identity.request_reset()
    token = await identity.token("reset_password")
    answer = await identity.complete_reset(token, "ada lovelace")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/password"
    assert (await identity.complete_reset(token)).status_code == 200


async def test_a_reset_verifies_the_address_and_voids_the_verification_mail(identity: Identity) -> None:
    await identity.sign_up()
    stale = await identity.token("verify_email")
    await identity.request_reset()
    await identity.complete_reset(await identity.token("reset_password"))
    assert (await identity.sign_in(password=OTHER_PASSWORD)).status_code == 201
    answer = await identity.client.post("/api/v1/users/verify", json={"token": stale})
    assert problem_type(answer) == "verification-expired"


async def test_a_reset_unlocks_an_address_that_somebody_else_locked(identity: Identity) -> None:
    await identity.customer()
    for _ in range(10):
        await identity.sign_in(password="not the password")
    await identity.request_reset()
    await identity.complete_reset(await identity.token("reset_password"))
    assert (await identity.sign_in(password=OTHER_PASSWORD)).status_code == 201


async def test_the_host_header_has_no_say_in_where_a_link_leads(identity: Identity) -> None:
    await identity.customer()
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    await identity.client.post("/api/v1/password-resets", json={"email": "ada@example.com"}, headers=hostile)
    mail = (await identity.mails("reset_password"))[-1]
    url = (await identity.link(mail["verification_id"])).json()["url"]
    assert url.startswith("https://shop.example/reset-password?token=")


async def test_the_link_leads_on_to_where_this_reset_was_asked_for(identity: Identity) -> None:
    await identity.customer()
    for place, goes_on in (("/buy/vps-s?interval=year", "&next=/buy/vps-s%3Finterval%3Dyear"), (None, "")):
        body = {"email": "ada@example.com"} | ({"next": place} if place else {})
        assert (await identity.client.post("/api/v1/password-resets", json=body)).status_code == 202
        mail = (await identity.mails("reset_password"))[-1]
        url = (await identity.link(mail["verification_id"])).json()["url"]
        token = url.partition("token=")[2].partition("&")[0]
        assert url == f"https://shop.example/reset-password?token={token}{goes_on}"
        identity.clock.advance(timedelta(minutes=1))
    assert (await identity.complete_reset(token)).status_code == 200


async def test_a_reset_leads_to_no_other_site(identity: Identity) -> None:
    await identity.customer()
    for place in ("//evil.example", "https://evil.example", "/\\evil.example", "/a b"):
        answer = await identity.client.post("/api/v1/password-resets", json={"email": "ada@example.com", "next": place})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/next"), place
