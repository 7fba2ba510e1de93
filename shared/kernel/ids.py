"""Identifiers people can read and databases can sort.

An id is a TypeID (https://github.com/jetify-com/typeid/tree/main/spec): a prefix that names the kind of
thing, an underscore, and a UUIDv7 (RFC 9562, section 5.7) in 26 characters of Crockford's base 32. In
PostgreSQL it is a plain `uuid`; everywhere else it is the string, so an order id can never be mistaken
for an account id, in a log as little as in a type checker.
"""

import os
import re
import threading
import time
from uuid import UUID

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# Two characters at a time: every row that is read or written passes here several times.
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_SHIFTS = range(120, -1, -10)
_SUFFIX = re.compile(f"[0-7][{ALPHABET}]{{25}}\\Z")
# Python's own digits of base 32 (`int(text, 32)`) for Crockford's.
_DIGITS = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_LARGEST_STEP_BACK = 1000  # milliseconds
_one_by_one = threading.Lock()
_last_ms = _last_bits = 0


def uuid7(unix_ms: int | None = None) -> UUID:
    """A UUIDv7 of `unix_ms` (default: now): 48 bits of milliseconds, then 74 random bits.

    Those made now sort in the order in which a process makes them: within a millisecond, or when the clock was set back
    a little, the last one is counted up by a random step instead (RFC 9562, section 6.2, method 2).
    """
    global _last_ms, _last_bits
    if unix_ms is not None:
        return _uuid(unix_ms, int.from_bytes(os.urandom(10), "big"))
    with _one_by_one:
        now = time.time_ns() // 1_000_000
        drawn = int.from_bytes(os.urandom(10), "big")
        if now > _last_ms or _last_ms - now > _LARGEST_STEP_BACK:
            _last_ms, _last_bits = now, drawn >> 7  # the highest bit stays free for counting
        else:
            _last_bits += 1 + (drawn >> 24)
        return _uuid(_last_ms, _last_bits)


def _uuid(unix_ms: int, random_bits: int) -> UUID:
    value = (unix_ms & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76
    value |= ((random_bits >> 62) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random_bits & 0x3FFFFFFFFFFFFFFF
    return UUID(int=value)


def encode_id(prefix: str, uuid: UUID) -> str:
    """The TypeID of `uuid` under `prefix`, such as `ord_01h455vb4pex5vsknk084sn02q`."""
    number = uuid.int
    return f"{prefix}_{''.join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])}"


def decode_id(prefix: str, text: str) -> UUID:
    """The UUID inside `text`. Raises ValueError when `text` is not a well-formed id with this prefix."""
    head, separator, suffix = text.rpartition("_")
    if not separator or head != prefix or not _SUFFIX.match(suffix):
        raise ValueError(f"not a {prefix} id")
    return UUID(int=int(suffix.translate(_DIGITS), 32))


def new_id(prefix: str) -> str:
    """A fresh id of the kind `prefix`; ids made later sort after ids made earlier."""
    return encode_id(prefix, uuid7())


def prefix_of(text: str) -> str:
    """The kind of thing an id names, e.g. `ord`; empty when there is none."""
    return text.rpartition("_")[0]
