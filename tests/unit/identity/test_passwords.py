import asyncio
import sys

import pytest

from services.identity.adapters.passwords import Passwords
from shared.kernel import Invalid

passwords = Passwords()


async def test_a_stored_password_uses_argon2id_with_the_chosen_parameters() -> None:
    stored = await passwords.hash("velvet-otter-piano-71")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.matches(stored, "velvet-otter-piano-71")
    assert not await passwords.matches(stored, "velvet-otter-piano-72")
    assert not passwords.outdated(stored)


async def test_nobody_matches_even_the_password_nobody_has() -> None:
    assert not await passwords.matches(None, "nobody has this password")


async def test_a_broken_hash_matches_nothing() -> None:
    assert not await passwords.matches("not a hash", "velvet-otter-piano-71")


@pytest.mark.parametrize(
    "password", ["velvet-otter-piano-71", "x8#Kq!mZ2w", "gänseblümchen im regen", "a tall oak and 3 grey cats " * 4]
)
async def test_a_strong_password_passes(password: str) -> None:
    await passwords.refuse_weak(password, ["ada@example.com", "Ada Lovelace"])


@pytest.mark.parametrize(
    "password", ["", "ninechars", "1234567890", "qwertyuiop", "Lovelace1815", "example.com", "x" * 128, "Password123!"]
)
async def test_a_weak_password_is_refused_with_a_pointer(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        await passwords.refuse_weak(password, ["ada@example.com", "Ada Lovelace"])
    assert [error.pointer for error in refused.value.errors] == ["/password"]
    assert refused.value.errors[0].detail.endswith(".")


async def test_the_words_of_one_person_do_not_weaken_the_password_of_another() -> None:
    busy = Passwords(slots=8)

    async def verdict(about: str) -> bool:
        try:
            await busy.refuse_weak("zorbimax-77", [about])
        except Invalid:
            return False
        return True

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads change places as often as they can
    try:
        verdicts = await asyncio.gather(*(verdict("zorbimax" if n % 2 else "ada") for n in range(100)))
    finally:
        sys.setswitchinterval(interval)
    assert verdicts == [n % 2 == 0 for n in range(100)]
