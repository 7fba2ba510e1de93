"""SSH public keys (RFC 4253 section 6.6, as lines of authorized_keys): which lines are one, and their fingerprints."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

_LINE = re.compile(r"([a-z0-9@.-]{4,64}) ([A-Za-z0-9+/]{16,8192}={0,3})(?: ([\x20-\x7e]{0,255}))?")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key. `fingerprint` is as OpenSSH prints it; `name` is its comment."""

    line: str
    name: str
    fingerprint: str


def read_key(line: str) -> PublicKey:
    """The key in a line of type, base64 and an optional comment. Raises ValueError for anything else."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError("An SSH key is not one line of type, key and comment")
    kind, body, comment = found[1], found[2], (found[3] or "").strip()
    try:
        blob = base64.b64decode(body, validate=True)
    except binascii.Error:
        raise ValueError("An SSH key is not base64") from None
    # The blob begins with its own type, as a string: length and text.
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != kind.encode():
        raise ValueError("An SSH key is not of the type it names")
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return PublicKey(line, comment or "SSH key", f"SHA256:{digest}")
