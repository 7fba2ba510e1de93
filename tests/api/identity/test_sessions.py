import hashlib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text

from services.identity.domain import Session
from shared.contracts.permissions import permissions_of
from shared.kernel import new_id
from shared.web.tokens import TokenVerifier
from tests.api.identity.conftest import Identity
from tests.support.callers import TOKEN_KEYS, bearer, customer, service_bearer


async def test_resolving_a_session_gives_its_holder_and_a_token_for_sixty_seconds(identity: Identity) -> None:
    await identity.customer()
    signed_in = (await identity.sign_in()).json()
    registered = (await identity.facts("identity.user.registered"))[0]
    answer = await identity.resolve(signed_in["token"])
    assert answer.status_code == 200
    body = answer.json()
    assert body["expires_in"] == 60
    assert body["principal"] == {
        "user_id": registered["user_id"],
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "account_id": registered["account_id"],
        "account_name": "Ada Lovelace",
        "role": "owner",
        "staff_roles": [],
        "session_id": signed_in["id"],
        "permissions": sorted(permissions_of("owner")),
        "authenticated_at": "2026-01-31T12:00:00.000Z",
    }
    principal = TokenVerifier(TOKEN_KEYS, "catalog").verify(body["access_token"])
    assert (principal.user_id, principal.account_id) == (registered["user_id"], registered["account_id"])


async def test_only_the_hash_of_a_session_token_is_stored(identity: Identity) -> None:
    await identity.customer()
    token = (await identity.sign_in()).json()["token"]
    async with identity.database.read() as session:
        stored = (await session.execute(text("SELECT json_agg(s)::text FROM sessions s"))).scalar_one()
        digest = (await session.execute(select(Session.token_hash))).scalar_one()
    assert token not in stored
    assert token[4:] not in stored
    assert digest == hashlib.sha256(token.encode()).digest()


@pytest.mark.parametrize(
    "token", ["", "x", "ezs_", "ezs_" + "A" * 43, "ezs_" + "A" * 42, "ezs_" + "A" * 43 + "\n", "\u0000", "ü" * 47]
)
async def test_a_token_nobody_has_is_refused(identity: Identity, token: str) -> None:
    answer = await identity.resolve(token)
    assert answer.status_code == 401
    assert answer.json()["type"].endswith("/session-ended")


@pytest.mark.parametrize("token", [None, 7, ["x"], {"a": 1}, "x" * 10_000])
async def test_a_token_of_the_wrong_kind_is_refused(identity: Identity, token: Any) -> None:
    assert (await identity.resolve(token)).status_code == 422


async def test_only_the_gateway_may_resolve_sessions(identity: Identity) -> None:
    for headers, status in (
        ({}, 401),
        (bearer(customer()), 403),
        (service_bearer("support", "identity"), 403),
        (service_bearer("gateway", "catalog"), 401),
    ):
        answer = await identity.client.post("/internal/sessions/resolve", json={"token": "x"}, headers=headers)
        assert answer.status_code == status


async def test_a_session_ends_after_fourteen_days_of_use(identity: Identity) -> None:
    await identity.customer()
    token = (await identity.sign_in()).json()["token"]
    for _ in range(13):
        identity.clock.advance(timedelta(days=1))
        assert (await identity.resolve(token)).status_code == 200
    identity.clock.advance(timedelta(hours=23, minutes=59))
    assert (await identity.resolve(token)).status_code == 200
    identity.clock.advance(timedelta(minutes=1))
    assert (await identity.resolve(token)).status_code == 401


async def test_a_session_ends_after_three_days_without_use(identity: Identity) -> None:
    await identity.customer()
    token, headers = await identity.signed_in()
    identity.clock.advance(timedelta(days=3))
    assert (await identity.resolve(token)).status_code == 401
    assert (await identity.client.get("/api/v1/sessions", headers=headers)).json()["data"] == []


async def test_being_seen_is_written_at_most_once_a_minute(identity: Identity) -> None:
    await identity.customer()
    token = (await identity.sign_in()).json()["token"]
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE") and "sessions" in statement:
            written.append(statement)

    event.listen(identity.database.engine.sync_engine, "before_cursor_execute", note)
    for _ in range(5):
        identity.clock.advance(timedelta(seconds=20))
        await identity.resolve(token)
    assert len(written) == 1
    async with identity.database.read() as session:
        seen = (await session.execute(select(Session.last_seen_at))).scalar_one()
    assert identity.clock.now() - seen == timedelta(seconds=40)


async def test_signing_out_ends_the_session_at_once(identity: Identity) -> None:
    await identity.customer()
    token, headers = await identity.signed_in()
    other, _ = await identity.signed_in()
    assert (await identity.client.delete("/api/v1/sessions/current", headers=headers)).status_code == 204
    assert (await identity.resolve(token)).status_code == 401
    assert (await identity.resolve(other)).status_code == 200
    assert (await identity.client.delete("/api/v1/sessions/current", headers=headers)).status_code == 204


async def test_a_person_sees_and_ends_their_own_sessions(identity: Identity) -> None:
    await identity.customer()
    phone, _ = await identity.signed_in()
    _, headers = await identity.signed_in()
    listed = (await identity.client.get("/api/v1/sessions", headers=headers)).json()
    assert [item["current"] for item in listed["data"]] == [True, False]
    assert set(listed["data"][0]) == {"id", "created_at", "last_seen_at", "ip", "user_agent", "current"}
    ended = await identity.client.delete(f"/api/v1/sessions/{listed['data'][1]['id']}", headers=headers)
    assert ended.status_code == 204
    assert (await identity.resolve(phone)).status_code == 401
    assert len((await identity.client.get("/api/v1/sessions", headers=headers)).json()["data"]) == 1


async def test_nobody_can_see_or_end_the_session_of_another(identity: Identity) -> None:
    await identity.customer()
    await identity.customer("bob@example.com")
    token = (await identity.sign_in()).json()
    _, bob = await identity.signed_in("bob@example.com")
    assert (await identity.client.delete(f"/api/v1/sessions/{token['id']}", headers=bob)).status_code == 404
    assert (await identity.client.delete(f"/api/v1/sessions/{new_id('ses')}", headers=bob)).status_code == 404
    assert (await identity.client.delete("/api/v1/sessions/nonsense", headers=bob)).status_code == 404
    assert (await identity.resolve(token["token"])).status_code == 200
    listed = (await identity.client.get("/api/v1/sessions", headers=bob)).json()["data"]
    assert token["id"] not in [item["id"] for item in listed]


async def test_sessions_are_listed_page_by_page(identity: Identity) -> None:
    await identity.customer()
    for _ in range(3):
        await identity.sign_in()
    _, headers = await identity.signed_in()
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await identity.client.get(f"/api/v1/sessions?limit=3{cursor}", headers=headers)).json()
        seen += [item["id"] for item in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 4
    assert seen == sorted(seen, reverse=True)
    for bad in ("cursor=%00", "cursor=!!!", "limit=0", "limit=1000", "limit=x"):
        answer = await identity.client.get(f"/api/v1/sessions?{bad}", headers=headers)
        assert answer.status_code in (400, 422)


async def test_me_says_who_is_signed_in(identity: Identity) -> None:
    await identity.customer()
    _, headers = await identity.signed_in()
    registered = (await identity.facts("identity.user.registered"))[0]
    assert (await identity.client.get("/api/v1/me", headers=headers)).json() == {
        "user": {"id": registered["user_id"], "email": "ada@example.com", "name": "Ada Lovelace", "locale": "en"},
        "account": {"id": registered["account_id"], "name": "Ada Lovelace", "role": "owner"},
        "staff": None,
        "permissions": sorted(permissions_of("owner")),
        "authenticated_at": "2026-01-31T12:00:00.000Z",
    }
    assert (await identity.client.get("/api/v1/me")).status_code == 401
    assert (await identity.client.get("/api/v1/me", headers=bearer(customer()))).status_code == 401
    assert (await identity.client.get("/api/v1/me", headers=service_bearer("gateway", "identity"))).status_code == 403
