"""Proving again who one is: what destroys, pays or reveals asks for it."""

from datetime import timedelta

from shared.web.tokens import TokenVerifier
from tests.api.identity.conftest import PASSWORD, Identity
from tests.support.callers import TOKEN_KEYS

CONFIRM = "/api/v1/sessions/current/confirm"


async def _proved_at(identity: Identity, token: str) -> float:
    answer = (await identity.resolve(token)).json()
    principal = TokenVerifier(TOKEN_KEYS, "catalog").verify(answer["access_token"])
    assert principal.authenticated_at is not None
    return principal.authenticated_at.timestamp()


async def test_the_password_again_makes_the_proof_fresh(identity: Identity) -> None:
    await identity.customer()
    token, headers = await identity.signed_in()
    signed_in_at = await _proved_at(identity, token)
    identity.clock.advance(timedelta(hours=2))
    assert await _proved_at(identity, token) == signed_in_at
    answer = await identity.client.post(CONFIRM, json={"password": PASSWORD}, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"status": "confirmed"})
    assert await _proved_at(identity, token) == signed_in_at + 2 * 3600


async def test_a_wrong_password_proves_nothing_and_ends_no_session(identity: Identity) -> None:
    await identity.customer()
    token, headers = await identity.signed_in()
    signed_in_at = await _proved_at(identity, token)
    identity.clock.advance(timedelta(minutes=30))
    answer = await identity.client.post(CONFIRM, json={"password": "wrong"}, headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "wrong-password")
    assert await _proved_at(identity, token) == signed_in_at


async def test_guessing_here_is_limited_like_guessing_at_sign_in(identity: Identity) -> None:
    await identity.customer()
    _token, headers = await identity.signed_in()
    statuses = [
        (await identity.client.post(CONFIRM, json={"password": f"guess {n}"}, headers=headers)).status_code
        for n in range(12)
    ]
    assert statuses[0] == 422
    assert statuses[-1] == 429


async def test_the_proof_is_the_sessions_own(identity: Identity) -> None:
    await identity.customer()
    first, _headers = await identity.signed_in()
    before = await _proved_at(identity, first)
    identity.clock.advance(timedelta(minutes=20))
    _second, headers = await identity.signed_in()
    identity.clock.advance(timedelta(minutes=20))
    await identity.client.post(CONFIRM, json={"password": PASSWORD}, headers=headers)
    assert await _proved_at(identity, first) == before
