"""An account's SSH keys."""

import asyncio
import base64

import pytest

from tests.api.identity.conftest import Identity


def public_key(byte: int = 17, comment: str = "ada@laptop") -> str:
    """A well-formed ed25519 key."""
    parts = (b"ssh-ed25519", bytes([byte]) * 32)
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}"


async def test_a_key_is_kept_with_its_name_and_fingerprint(identity: Identity) -> None:
    await identity.customer()
    _token, headers = await identity.signed_in()
    added = await identity.client.post(
        "/api/v1/ssh-keys", json={"name": "Laptop", "public_key": f"{public_key()}\r\n"}, headers=headers
    )
    assert added.status_code == 201
    assert added.json()["name"] == "Laptop"
    assert added.json()["fingerprint"] == "SHA256:SQfC+vTbLURn9cTkVxIS8fGQ3FKNAJWeB0o139+gV4M"
    assert added.json()["public_key"] == public_key()
    listed = (await identity.client.get("/api/v1/ssh-keys", headers=headers)).json()["data"]
    assert listed == [added.json()]


async def test_a_key_without_a_name_bears_its_comment(identity: Identity) -> None:
    await identity.customer()
    _token, headers = await identity.signed_in()
    added = await identity.client.post("/api/v1/ssh-keys", json={"public_key": public_key()}, headers=headers)
    assert added.json()["name"] == "ada@laptop"


async def test_a_private_key_is_refused_with_a_warning_and_kept_nowhere(identity: Identity) -> None:
    await identity.customer()
    _token, headers = await identity.signed_in()
    secret = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----"
    refused = await identity.client.post("/api/v1/ssh-keys", json={"public_key": secret}, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/public_key")
    assert "private key" in refused.json()["detail"]
    assert "b3BlbnNzaC1rZXk" not in refused.text
    assert await identity.count("ssh_keys") == 0


async def test_the_same_key_twice_is_one_key_however_fast_it_is_added(identity: Identity) -> None:
    await identity.customer()
    _token, headers = await identity.signed_in()
    answers = await asyncio.gather(
        *(
            identity.client.post("/api/v1/ssh-keys", json={"public_key": public_key(comment=f"c{n}")}, headers=headers)
            for n in range(5)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert await identity.count("ssh_keys") == 1


async def test_an_account_has_at_most_a_hundred_keys(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.identity.use_cases.ssh_keys.MOST_KEYS", 2)
    await identity.customer()
    _token, headers = await identity.signed_in()
    statuses = [
        (
            await identity.client.post("/api/v1/ssh-keys", json={"public_key": public_key(byte)}, headers=headers)
        ).status_code
        for byte in (1, 2, 3)
    ]
    assert statuses == [201, 201, 409]


async def test_another_accounts_key_is_not_found_and_stays(identity: Identity) -> None:
    await identity.customer()
    _token, headers = await identity.signed_in()
    added = await identity.client.post("/api/v1/ssh-keys", json={"public_key": public_key()}, headers=headers)
    path = f"/api/v1/ssh-keys/{added.json()['id']}"
    await identity.customer("eve@example.com")
    _other, eve = await identity.signed_in("eve@example.com")
    assert (await identity.client.delete(path, headers=eve)).status_code == 404
    assert (await identity.client.get("/api/v1/ssh-keys", headers=eve)).json()["data"] == []
    assert (await identity.client.delete(path, headers=headers)).status_code == 204
    assert (await identity.client.delete(path, headers=headers)).status_code == 404
