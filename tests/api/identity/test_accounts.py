"""Accounts: suspended and restored by staff, and described to the other contexts."""

from services.identity.use_cases.describing import describe_accounts
from shared.contracts.permissions import permissions_of
from tests.api.identity.conftest import Identity
from tests.support.callers import bearer, staff


async def _permissions(identity: Identity, token: str) -> set[str]:
    return set((await identity.resolve(token)).json()["principal"]["permissions"])


async def test_of_a_suspended_account_people_may_only_read_and_write_to_us(identity: Identity) -> None:
    await identity.customer()
    token, _headers = await identity.signed_in()
    account_id = (await identity.resolve(token)).json()["principal"]["account_id"]
    assert await _permissions(identity, token) == permissions_of("owner")
    path, reason = f"/api/v1/staff/accounts/{account_id}", {"reason": "card testing"}
    for _again in range(2):
        answer = await identity.client.post(f"{path}/suspend", json=reason, headers=bearer(staff("finance")))
        assert answer.status_code == 200
    left = await _permissions(identity, token)
    assert {"orders.read", "tickets.write", "self.write"} <= left
    assert not {"orders.place", "services.power", "keys.write"} & left
    assert (await identity.client.post(f"{path}/restore", json=reason, headers=bearer(staff()))).status_code == 200
    assert await _permissions(identity, token) == permissions_of("owner")


async def test_support_cannot_suspend_an_account(identity: Identity) -> None:
    await identity.customer()
    token, _headers = await identity.signed_in()
    account_id = (await identity.resolve(token)).json()["principal"]["account_id"]
    path = f"/api/v1/staff/accounts/{account_id}/suspend"
    answer = await identity.client.post(path, json={"reason": "because"}, headers=bearer(staff("support")))
    assert answer.status_code == 403


async def test_an_account_made_before_anybody_was_told_is_described_once(identity: Identity) -> None:
    await identity.customer()
    assert len(await identity.facts("identity.account.described")) == 1
    async with identity.database.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE accounts SET described_at = NULL")
    assert await identity.database.run(describe_accounts) == 1
    assert await identity.database.run(describe_accounts) == 0
    told = await identity.facts("identity.account.described")
    assert [(fact["owner_name"], fact["owner_email"]) for fact in told] == [("Ada Lovelace", "ada@example.com")] * 2


async def test_the_link_of_a_mail_leads_on_to_where_the_person_was_going(identity: Identity) -> None:
    place = "/buy/vps-s?interval=year&configuration.hostname=web.example.com"
    assert (await identity.sign_up(next=place)).status_code == 202
    link = (await identity.link((await identity.mails("verify_email"))[-1]["verification_id"])).json()["url"]
    assert link.partition("&next=")[2] == "/buy/vps-s%3Finterval%3Dyear%26configuration.hostname%3Dweb.example.com"
    await identity.client.post("/api/v1/users/verify/resend", json={"email": "ada@example.com"})
    again = (await identity.link((await identity.mails("verify_email"))[-1]["verification_id"])).json()["url"]
    assert again.partition("&next=")[2] == link.partition("&next=")[2]


async def test_a_link_leads_to_no_other_site(identity: Identity) -> None:
    for place in ("https://evil.example/", "//evil.example", "/\\evil.example", "buy", "/a b", "/a\nb"):
        answer = await identity.sign_up(next=place)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/next"), place
