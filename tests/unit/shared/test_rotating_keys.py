"""Signing keys overlap: old and new are believed side by side, and each only for its own issuer."""

import asyncio
import json
import os
import random
from unittest import mock

import pytest

from ez.cli import main
from shared.web.keys import generate_key, issuer_of, key_fault, key_set, read_key_set
from shared.web.problems import Unauthenticated
from shared.web.tokens import TokenSigner, TokenVerifier
from tests.support.callers import customer

OLD, OLD_HALF = generate_key("identity")
NEW, NEW_HALF = generate_key("identity")
_, GATEWAY_HALF = generate_key("gateway")
BEFORE, BOTH, AFTER = (key_set([GATEWAY_HALF, *halves]) for halves in ([OLD_HALF], [OLD_HALF, NEW_HALF], [NEW_HALF]))


class Replicas:
    """Some processes that sign and some that verify; each is restarted with other settings on its own."""

    def __init__(self) -> None:
        self.signers = [TokenSigner(OLD) for _ in range(3)]
        self.verifiers = [TokenVerifier(BEFORE, "catalog") for _ in range(4)]
        self.asked = 0

    async def load(self) -> None:
        """Requests without an end, from any signer to any verifier. Raises Unauthenticated when one is refused."""
        while True:
            token = random.choice(self.signers).for_person(customer())
            await asyncio.sleep(0)
            random.choice(self.verifiers).verify(token)
            self.asked += 1

    async def some_load(self) -> None:
        goal = self.asked + 50
        while self.asked < goal:
            await asyncio.sleep(0)

    async def roll_verifiers(self, keys: str) -> None:
        for number in range(len(self.verifiers)):
            self.verifiers[number] = TokenVerifier(keys, "catalog")
            await self.some_load()

    async def roll_signers(self, key: str) -> None:
        for number in range(len(self.signers)):
            self.signers[number] = TokenSigner(key)
            await self.some_load()


async def rotate(replicas: Replicas, *, distribute_first: bool) -> None:
    """The three steps of the runbook, replica by replica; out of order when told so."""
    if distribute_first:
        await replicas.roll_verifiers(BOTH)
    await replicas.roll_signers(NEW)
    # Tokens of the old key are used up: the load holds each for one turn of the loop.
    await replicas.some_load()
    await replicas.roll_verifiers(AFTER)


async def test_a_key_is_rotated_under_load_and_no_request_is_refused() -> None:
    replicas = Replicas()
    load = [asyncio.create_task(replicas.load()) for _ in range(8)]
    try:
        await rotate(replicas, distribute_first=True)
        assert [task.exception() for task in load if task.done()] == []
        assert replicas.asked > 500
    finally:
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)
    with pytest.raises(Unauthenticated):
        replicas.verifiers[0].verify(TokenSigner(OLD).for_person(customer()))


async def test_signing_before_everybody_knows_the_key_is_noticed() -> None:
    replicas = Replicas()
    load = asyncio.create_task(replicas.load())
    rolling = asyncio.create_task(rotate(replicas, distribute_first=False))
    await asyncio.wait([load, rolling], return_when=asyncio.FIRST_COMPLETED)
    rolling.cancel()
    assert isinstance(load.exception(), Unauthenticated)


def test_two_keys_of_one_issuer_never_have_the_same_kid() -> None:
    assert OLD_HALF["kid"] != NEW_HALF["kid"]
    assert {issuer_of(kid) for kid in read_key_set(BOTH)} == {"identity", "gateway"}


def test_a_key_named_by_its_issuer_alone_as_earlier_versions_made_them_is_still_believed() -> None:
    private, public = (json.loads(OLD) | {"kid": "identity"}, OLD_HALF | {"kid": "identity"})
    keys = key_set([public, NEW_HALF])
    for key in (json.dumps(private), NEW):
        caller = customer()
        assert TokenVerifier(keys, "catalog").verify(TokenSigner(key).for_person(caller)).subject == caller.subject
        assert key_fault(key, keys, "identity") is None


def test_a_key_speaks_for_no_issuer_but_its_own() -> None:
    forged = json.loads(NEW) | {"kid": "identity.stranger"}
    with pytest.raises(Unauthenticated):
        TokenVerifier(BEFORE, "catalog").verify(TokenSigner(json.dumps(forged)).for_person(customer()))
    private, public = generate_key("gateway")
    with pytest.raises(Unauthenticated):
        TokenVerifier(key_set([OLD_HALF, public]), "catalog").verify(TokenSigner(private).for_person(customer()))


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    lines = (line.partition("=") for line in capsys.readouterr().out.splitlines())
    return {name: value.strip("'") for name, _, value in lines}


def test_the_command_makes_a_pair_adds_its_half_and_retires_the_old_one(capsys: pytest.CaptureFixture[str]) -> None:
    with mock.patch.dict(os.environ, {"EZ_TOKEN_KEYS": BEFORE}):
        assert main(["keys", "new", "identity"]) == 0
        made = printed(capsys)
        assert set(read_key_set(BEFORE)) < set(read_key_set(made["EZ_TOKEN_KEYS"]))
        assert key_fault(made["IDENTITY_SIGNING_KEY"], made["EZ_TOKEN_KEYS"], "identity") is None
        assert main(["keys", "retire", OLD_HALF["kid"]]) == 2
    with mock.patch.dict(os.environ, {"EZ_TOKEN_KEYS": made["EZ_TOKEN_KEYS"]}):
        capsys.readouterr()
        assert main(["keys", "retire", OLD_HALF["kid"]]) == 0
        assert OLD_HALF["kid"] not in read_key_set(printed(capsys)["EZ_TOKEN_KEYS"])
        assert main(["keys", "list"]) == 0
        assert OLD_HALF["kid"] in capsys.readouterr().out
