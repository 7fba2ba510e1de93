from datetime import timedelta

import pytest

from shared.kernel import new_id
from tests.api.identity.conftest import LINK_SECRET, Identity
from tests.support.callers import bearer, customer, service_bearer, staff


def problem_type(answer: object) -> str:
    return str(answer.json()["type"]).rsplit("/", 1)[-1]  # type: ignore[attr-defined]


async def test_the_link_in_the_mail_verifies_the_address_once(identity: Identity) -> None:
    await identity.sign_up()
    token = await identity.token("verify_email")
    first = await identity.client.post("/api/v1/users/verify", json={"token": token})
    assert (first.status_code, first.json()) == (200, {"status": "verified"})
    again = await identity.client.post("/api/v1/users/verify", json={"token": token})
    assert (again.status_code, problem_type(again)) == (410, "verification-used")


async def test_a_link_is_the_same_however_often_it_is_asked_for_and_is_kept_nowhere(identity: Identity) -> None:
    await identity.sign_up()
    verification = (await identity.mails("verify_email"))[0]["verification_id"]
    first, second = await identity.link(verification), await identity.link(verification)
    assert first.json() == second.json()
    assert first.json()["url"].startswith("https://shop.example/verify?token=")
    token = first.json()["url"].split("token=")[1]
    async with identity.database.read() as session:
        connection = await session.connection()
        dump = await connection.exec_driver_sql(
            "SELECT (SELECT json_agg(v)::text FROM verifications v) || (SELECT json_agg(u)::text FROM users u)"
            " || (SELECT string_agg(encode(body, 'escape'), '') FROM outbox)"
        )
        stored = str(dump.scalar_one())
    assert verification.split("_")[1] not in token
    assert token not in stored
    assert LINK_SECRET not in stored


async def test_a_verification_link_expires_after_a_day(identity: Identity) -> None:
    await identity.sign_up()
    token = await identity.token("verify_email")
    identity.clock.advance(timedelta(hours=24))
    answer = await identity.client.post("/api/v1/users/verify", json={"token": token})
    assert (answer.status_code, problem_type(answer)) == (410, "verification-expired")


@pytest.mark.parametrize("how", ["first byte", "last byte", "cut", "longer", "empty", "words", "not ascii"])
async def test_a_token_that_was_tampered_with_is_refused(identity: Identity, how: str) -> None:
    await identity.sign_up()
    token = await identity.token("verify_email")
    forged = {
        "first byte": ("A" if token[0] != "A" else "B") + token[1:],
        "last byte": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "cut": token[:-4],
        "longer": token + "AAAA",
        "empty": "",
        "words": "let me in",
        "not ascii": "ü" * 64,
    }[how]
    answer = await identity.client.post("/api/v1/users/verify", json={"token": forged})
    assert (answer.status_code, problem_type(answer)) == (422, "verification-invalid")


async def test_a_token_for_one_purpose_does_not_serve_another(identity: Identity) -> None:
    await identity.sign_up()
    await identity.request_reset()
    reset, verify = await identity.token("reset_password"), await identity.token("verify_email")
    crossed = await identity.client.post("/api/v1/users/verify", json={"token": reset})
    assert (crossed.status_code, problem_type(crossed)) == (422, "verification-invalid")
    assert problem_type(await identity.complete_reset(verify)) == "verification-invalid"


async def test_another_mail_can_be_asked_for_until_the_address_is_verified(identity: Identity) -> None:
    await identity.sign_up()
    asked = await identity.client.post("/api/v1/users/verify/resend", json={"email": "ada@example.com"})
    assert (asked.status_code, asked.json()) == (202, {"status": "verification_sent"})
    assert len(await identity.mails("verify_email")) == 2
    await identity.verify()
    asked = await identity.client.post("/api/v1/users/verify/resend", json={"email": "ada@example.com"})
    unknown = await identity.client.post("/api/v1/users/verify/resend", json={"email": "nobody@example.com"})
    assert (asked.status_code, asked.content) == (unknown.status_code, unknown.content)
    assert len(await identity.mails("verify_email")) == 2


async def test_one_verified_link_makes_the_other_mails_useless(identity: Identity) -> None:
    await identity.sign_up()
    older = await identity.token("verify_email")
    await identity.client.post("/api/v1/users/verify/resend", json={"email": "ada@example.com"})
    assert (await identity.verify()).status_code == 200
    answer = await identity.client.post("/api/v1/users/verify", json={"token": older})
    assert problem_type(answer) == "verification-expired"


async def test_the_mail_to_a_known_address_leads_to_the_sign_in_page(identity: Identity) -> None:
    await identity.customer()
    await identity.sign_up()
    verification = (await identity.mails("already_registered"))[0]["verification_id"]
    assert (await identity.link(verification)).json() == {"url": "https://shop.example/sign-in"}
    identity.clock.advance(timedelta(minutes=1))
    await identity.sign_up(next="/buy/vps-s?interval=year")
    verification = (await identity.mails("already_registered"))[-1]["verification_id"]
    assert (await identity.link(verification)).json() == {
        "url": "https://shop.example/sign-in?next=/buy/vps-s%3Finterval%3Dyear"
    }
    # An earlier mail's way does not come back with a later one.
    identity.clock.advance(timedelta(days=30))
    await identity.sign_up()
    verification = (await identity.mails("already_registered"))[-1]["verification_id"]
    assert (await identity.link(verification)).json() == {"url": "https://shop.example/sign-in"}


async def test_no_link_is_given_for_what_can_no_longer_be_used(identity: Identity) -> None:
    await identity.sign_up()
    verification = (await identity.mails("verify_email"))[0]["verification_id"]
    await identity.verify()
    assert (await identity.link(verification)).status_code == 410
    assert (await identity.link(new_id("ver"))).status_code == 404
    assert (await identity.link("ver_nonsense")).status_code == 404
    assert (await identity.link(new_id("usr"))).status_code == 404


async def test_only_support_may_ask_for_links(identity: Identity) -> None:
    await identity.sign_up()
    verification = (await identity.mails("verify_email"))[0]["verification_id"]
    path = f"/internal/verifications/{verification}/link"
    callers = [
        ({}, 401),
        ({"Authorization": "Bearer nonsense"}, 401),
        (bearer(customer()), 403),
        (bearer(staff()), 403),
        (service_bearer("gateway", "identity"), 403),
        (service_bearer("catalog", "identity"), 403),
        (service_bearer("support", "billing"), 401),
    ]
    for headers, status in callers:
        assert (await identity.client.post(path, headers=headers)).status_code == status
