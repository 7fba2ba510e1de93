"""Secrets at rest: AES-256-GCM, bound to what they belong to, so that a row cannot be put under another.

A sealed secret is 12 bytes of nonce and the ciphertext with its tag (NIST SP 800-38D).
"""

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Unsealable(Exception):
    """None of the keys opens it, or there is no key."""


class Sealer:
    """The first key seals; each of them opens, so that keys can be rotated."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = [AESGCM(key) for key in keys]

    @property
    def can_seal(self) -> bool:
        """Whether there is a key."""
        return bool(self._keys)

    def seal(self, secret: str, owner: str) -> bytes:
        """Raises Unsealable without a key."""
        if not self._keys:
            raise Unsealable("PROVISIONING_SECRETS_KEY is not set")
        nonce = os.urandom(_NONCE)
        return nonce + self._keys[0].encrypt(nonce, secret.encode(), owner.encode())

    def open(self, sealed: bytes, owner: str) -> str:
        """Raises Unsealable when no key fits, or it belongs to another owner."""
        for key in self._keys:
            try:
                return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.encode()).decode()
            except InvalidTag:
                continue
        raise Unsealable("No key of PROVISIONING_SECRETS_KEY opens it")


def read_keys(text: str) -> list[bytes]:
    """Keys from their setting: base64 of 32 bytes each, comma separated. Raises ValueError."""
    keys = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        try:
            key = base64.b64decode(part, validate=True)
        except binascii.Error:
            raise ValueError("must be base64 of 32 random bytes") from None
        if len(key) != 32:
            raise ValueError("must be base64 of 32 random bytes")
        keys.append(key)
    return keys
