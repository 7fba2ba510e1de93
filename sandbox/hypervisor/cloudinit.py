"""What cloud-init makes of a configuration when a machine starts, and whom that lets in."""

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from sandbox.hypervisor.models import ConfigValue

DEFAULT_USER: Final = "debian"
"""The user of an image whose configuration names none."""
_KEY: Final = re.compile(r"(ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,3})(?: .*)?")


def keys_of(encoded: str) -> list[str]:
    """The lines of the parameter `sshkeys`, which is URL-encoded once more than the form it travels in."""
    return [line.strip() for line in unquote(encoded).splitlines() if line.strip()]


def is_key(line: str) -> bool:
    """What `ssh-keygen -l` accepts, which Proxmox VE asks for every line."""
    found = _KEY.fullmatch(line)
    if found is None:
        return False
    try:
        blob = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return False
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length] == found[1].encode()


def hashed(password: str) -> str:
    """A password as it is kept: Proxmox VE hashes it too before it writes it down."""
    salt = os.urandom(16)
    return f"$scrypt${salt.hex()}${_scrypt(password, salt)}"


def written(config: Mapping[str, ConfigValue]) -> dict[str, ConfigValue]:
    """User, keys and password as they are in the machine after it started with this configuration."""
    return {
        "user": str(config.get("ciuser") or DEFAULT_USER),
        "keys": "\n".join(keys_of(str(config.get("sshkeys", "")))),
        "password": str(config.get("cipassword", "")),
    }


def lets_in(guest: Mapping[str, ConfigValue], user: str, *, key: str = "", password: str = "") -> bool:
    """Whether this user gets in with this public key, or with this password."""
    if user != guest["user"]:
        return False
    if key:
        return " ".join(key.split()[:2]) in {" ".join(line.split()[:2]) for line in str(guest["keys"]).splitlines()}
    if not password or not guest["password"]:
        return False
    _, _, salt, digest = str(guest["password"]).split("$")
    return hmac.compare_digest(digest, _scrypt(password, bytes.fromhex(salt)))


def _scrypt(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**10, r=8, p=1).hex()
