"""Passwords: how strong they must be, and how they are kept (Argon2id, RFC 9106).

The parameters are OWASP's minimum for Argon2id: 19 MiB of memory, two passes, one lane. The work is done in
threads, a few at a time, so that a burst of sign-ins can use up neither the memory nor the event loop.
"""

import asyncio
import re
import threading
import unicodedata
from collections.abc import Sequence
from importlib import import_module

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from shared.kernel import FieldError, Invalid

SHORTEST, LONGEST = 10, 128
# Those of the demonstration logins (ez/seeding.py). Everybody can read them, so in production they open nothing.
PUBLISHED = ("calm-harbour-42", "quiet-lantern-77")
_MINIMUM_SCORE = 2
_JUDGED = 72  # zxcvbn looks at no more; what follows can only make a password stronger
_POINTER = "/password"
_PARTS = re.compile(r"[\s@._+-]+")

# zxcvbn keeps a caller's own words in a module-level dictionary, so two judgements must not overlap.
_judging = threading.Lock()


class Passwords:
    """Judges, hashes and checks passwords, `slots` at once; in `production` those that are published are refused."""

    def __init__(self, slots: int = 2, *, production: bool = True) -> None:
        self._refused = frozenset(PUBLISHED) if production else frozenset()
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._slots = asyncio.Semaphore(slots)
        # Verified against when nobody has the address, so that unknown costs what wrong costs.
        self._nobody = self._hasher.hash("nobody has this password")

    async def refuse_weak(self, password: str, about: Sequence[str] = ()) -> None:
        """Raises Invalid, pointing at /password, when a password is too short, too long or easy to guess.

        `about` are words an attacker would try first: the person's own name and address.
        """
        prepared = _prepared(password)
        if len(prepared) < SHORTEST:
            raise _weak(f"Use at least {SHORTEST} characters. Several unrelated words work well.")
        if len(prepared) > LONGEST:
            raise _weak(f"Use at most {LONGEST} characters.")
        if prepared in self._refused:
            raise _weak("This password is published. Choose one that nobody else knows.")
        async with self._slots:
            advice = await asyncio.to_thread(_advice, prepared, about)
        if advice is not None:
            raise _weak(advice)

    async def hash(self, password: str) -> str:
        """What may be stored of a password."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, _prepared(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether this is the password behind `stored`; takes the same time when `stored` is None."""
        async with self._slots:
            fits = await asyncio.to_thread(self._verify, stored or self._nobody, _prepared(password))
        return fits and stored is not None and _prepared(password) not in self._refused

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False

    def outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)


def _prepared(password: str) -> str:
    """The same characters whatever keyboard typed them (NFKC, as NIST SP 800-63B, section 5.1.1.2, asks)."""
    return unicodedata.normalize("NFKC", password)


def _advice(password: str, about: Sequence[str]) -> str | None:
    # Word lists of 13 MB, for processes in which somebody chooses a password.
    zxcvbn = import_module("zxcvbn").zxcvbn
    words = [part for text in about for part in (text, *text.split("@"), *_PARTS.split(text)) if part]
    with _judging:
        verdict = zxcvbn(password[:_JUDGED], user_inputs=words)
    if verdict["score"] >= _MINIMUM_SCORE:
        return None
    feedback = verdict["feedback"]
    hints = [feedback["warning"], *feedback["suggestions"]]
    sentences = [hint.rstrip(".") + "." for hint in hints if hint]
    return " ".join(["This password is easy to guess.", *sentences])


def _weak(advice: str) -> Invalid:
    return Invalid("Choose a stronger password.", slug="password-weak", errors=(FieldError(_POINTER, advice),))
