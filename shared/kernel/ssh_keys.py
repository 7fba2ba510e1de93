"""OpenSSH public keys as people paste them: read, named by their fingerprint, and written as one clean line.

The format is that of an authorized_keys line (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"): a key type, the key in base64,
a comment. The base64 holds the type again, as a length-prefixed string (RFC 4253, section 6.6).
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

# How many length-prefixed fields follow the type inside the blob; a key with other fields is damaged.
_FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
_ED25519_BYTES = 32
_SHORTEST_RSA = 2048  # bits; OpenSSH itself refuses below 1024, and nobody should use less than this
LONGEST_LINE = 8192
_LONGEST_COMMENT = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class PrivateKey(ValueError):
    """Somebody pasted the secret half of a key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key. `blob` is what the base64 holds; `comment` may be empty."""

    kind: str
    blob: bytes
    comment: str

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it: SHA256: and unpadded base64."""
        digest = hashlib.sha256(self.blob).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"

    @property
    def line(self) -> str:
        """The key as one line of authorized_keys, without options and line ends."""
        return " ".join(part for part in (self.kind, base64.b64encode(self.blob).decode(), self.comment) if part)


def parse_public_key(text: str) -> PublicKey:
    """The one public key in `text`.

    Raises ValueError in words for the person who pasted it (PrivateKey for a secret one). Blank lines, comment lines
    and line ends of other systems are taken; options before the key (`command="…"`) and certificates are not.
    """
    if "PRIVATE KEY" in text or text.lstrip().startswith("PuTTY-User-Key-File"):
        raise PrivateKey(
            "This is a private key. Never give it to anybody: paste the public one, from the file that ends in .pub."
        )
    if "BEGIN SSH2 PUBLIC KEY" in text:
        raise ValueError("This is in the format of RFC 4716. Convert it: ssh-keygen -i -f key.pub")
    lines = [line.strip() for line in text.replace("\ufeff", "").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    if not wanted:
        raise ValueError("Paste a public key: one line that begins with ssh-ed25519, ssh-rsa or ecdsa-sha2-….")
    if len(wanted) > 1:
        raise ValueError("Paste one key at a time; a public key is a single line.")
    if len(wanted[0]) > LONGEST_LINE:
        raise ValueError(f"A public key has at most {LONGEST_LINE} characters.")
    kind, encoded, comment = (*wanted[0].split(None, 2), "", "")[:3]
    return _checked(kind, encoded, comment)


def _checked(kind: str, encoded: str, comment: str) -> PublicKey:
    if kind not in _FIELDS:
        known = ", ".join(name for name in _FIELDS if "@" not in name)
        if kind == "ssh-dss":
            raise ValueError("DSA keys are not accepted any more. Make a new one: ssh-keygen -t ed25519")
        if "cert-v0" in kind:
            raise ValueError("This is a certificate. Paste the public key itself.")
        raise ValueError(f"A public key begins with its type ({known}), without options before it.")
    try:
        blob = base64.b64decode(encoded, validate=True)
        name, *fields = _strings(blob)
    except (binascii.Error, ValueError) as error:
        raise ValueError("The key is damaged: it was cut short or changed when it was copied.") from error
    if name != kind.encode() or len(fields) != _FIELDS[kind]:
        raise ValueError("The key is damaged: it does not hold what its type says.")
    if kind == "ssh-ed25519" and len(fields[0]) != _ED25519_BYTES:
        raise ValueError("The key is damaged: it does not hold what its type says.")
    if kind == "ssh-rsa" and int.from_bytes(fields[1], "big").bit_length() < _SHORTEST_RSA:
        raise ValueError(f"This RSA key is too short. Use {_SHORTEST_RSA} bits or more, or: ssh-keygen -t ed25519")
    return PublicKey(kind, blob, _CONTROL.sub("", comment)[:_LONGEST_COMMENT])


def _strings(blob: bytes) -> list[bytes]:
    """The length-prefixed strings a blob is made of (RFC 4251, section 5). Raises ValueError when they do not fit."""
    found, at = [], 0
    while at < len(blob):
        length = int.from_bytes(blob[at : at + 4], "big")
        end = at + 4 + length
        if len(blob) - at < 4 or end > len(blob):
            raise ValueError("a field is longer than the key")
        found.append(blob[at + 4 : end])
        at = end
    if not found:
        raise ValueError("nothing is in it")
    return found
